# Mounts a prepared data directory under a folder of changes, in a mount namespace that this shell
# is alone in, and becomes the server: the mount vanishes with its last process.
lower=$1 folder=$2 options=$3
shift 3
mount -t overlay overlay \
  -o "lowerdir=$lower,upperdir=$folder/state,workdir=$folder/work$options" "$folder/data" \
  || exit 96
exec "$@"
