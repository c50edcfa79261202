# The keeper: stops the shared cluster when nobody uses it any more.
#
# Everybody who uses the cluster holds a shared lock on lease.lock, which the kernel ends with the
# process. Whoever starts or stops the cluster holds start.lock. The lock that shows that a keeper
# lives is this shell's standard input, so no other program may inherit that.

trap '' HUP INT
cd "$1" || exit 1
linger=$2
exec 8>lease.lock 9>start.lock

runs() { # PID
  case $(sed -n 's/.*) //p' "/proc/$1/stat" 2>/dev/null) in
    '' | Z* | X*) return 1 ;;
  esac
}

# The server is found by its command line: its files may have been removed under it. The first
# search is quick, the second makes sure.
stop_server() {
  folder=$PWD/cluster
  for found in $(grep -lzxF -e "$folder/data" -e "$folder/state" /proc/[0-9]*/cmdline 2>/dev/null); do
    case $(tr '\0' ' ' 2>/dev/null <"$found") in
      *" -D $folder/"*) ;;
      *) continue ;;
    esac
    pid=${found#/proc/}
    stop_process "${pid%/cmdline}"
  done
}

stop_process() { # PID
  kill -s QUIT "$1"
  tries=0
  while runs "$1"; do
    tries=$((tries + 1))
    [ "$tries" -ne 100 ] || kill -s KILL "$1"
    sleep 0.05 </dev/null 2>/dev/null || sleep 1 </dev/null
  done
}

# Between two tests there are moments in which nobody holds a lease, so it is not enough to find
# none twice: whoever joins removes the file named idle. Where start.lock is gone, the folder was
# removed, and nobody can join any more.
while :; do
  flock 8 </dev/null || exit 1
  true >idle # not ":", whose failure would end the shell
  flock --unlock 8 </dev/null
  sleep "$linger" </dev/null
  flock 9 </dev/null || exit 1
  if [ -e idle ] || [ ! -e start.lock ]; then
    ! flock --nonblock 8 </dev/null || break
  fi
  flock --unlock 9 </dev/null
done
# A server that was killed leaves its System V segment behind.
segment=$(sed -n 7p cluster/state/postmaster.pid 2>/dev/null | while read -r _ id; do echo "$id"; done)
stop_server
case $segment in
  '' | *[!0-9]*) ;;
  *) ipcrm -m "$segment" 2>/dev/null ;;
esac
chmod -R u+rwx cluster 2>/dev/null
rm -rf cluster postgres.log idle
