# The janitor: cleans up after a harness that was killed before it could do so itself.
#
# Standard input is a pipe that only the harness holds open; the kernel closes it however the
# harness ends. Until then come lines of tab-separated fields:
#   watch   KEY  process-group  PGID  START_TIME
#   watch   KEY  postmaster     PID_FILE  FOLDER
#   watch   KEY  containers     LABEL=VALUE
#   watch   KEY  folder         PATH
#   forget  KEY
# At the end of input everything watched and not forgotten is removed: PostgreSQL first, which
# only cleans up after itself when it is asked to stop, then what else runs, then what lies on
# disk; the newest of each first.

trap '' HUP INT TERM PIPE
tab=$(printf '\t')
newest=0

is_number() {
  case $1 in '' | *[!0-9]*) return 1 ;; esac
}

pause() {
  sleep 0.05 2>/dev/null || sleep 1
}

# Waits until the command given fails, at most about five seconds.
wait_while() {
  tries=0
  while "$@" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -le 100 ] || return 1
    pause
  done
}

# A process with this id may be another one by now; its start time tells.
start_time() {
  sed -n 's/.*) //p' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

# One that is dead and not waited for does not.
runs() { # PID
  case $(sed -n 's/.*) //p' "/proc/$1/stat" 2>/dev/null) in
    '' | Z* | X*) return 1 ;;
  esac
}

kill_process_group() { # PGID START_TIME
  is_number "$1" && [ "$1" -gt 1 ] || return
  now=$(start_time "$1")
  [ -z "$now" ] || [ "$2" = 0 ] || [ "$now" = "$2" ] || return
  kill -s KILL -- "-$1" 2>/dev/null
}

# The server is found by its command line, even before it has a pid file; the first search is
# quick, the second makes sure.
stop_postmaster() { # PID_FILE FOLDER
  segment=$(sed -n 7p "$1" 2>/dev/null | while read -r _ id; do echo "$id"; done)
  for found in $(grep -lzxF -e "$2/data" -e "$2/state" /proc/[0-9]*/cmdline 2>/dev/null); do
    case $(tr '\0' ' ' 2>/dev/null <"$found") in
      *" -D $2/"*) ;;
      *) continue ;;
    esac
    pid=${found#/proc/}
    pid=${pid%/cmdline}
    kill -s QUIT "$pid" 2>/dev/null
    wait_while runs "$pid" || kill -s KILL "$pid" 2>/dev/null
    wait_while runs "$pid"
  done
  # A postmaster that was killed leaves its System V segment behind.
  is_number "$segment" && ipcrm -m "$segment" 2>/dev/null
}

# Twice: what the engine was just asked for may still come into being.
remove_containers() { # LABEL=VALUE
  remove_labelled "$1"
  sleep 1
  remove_labelled "$1"
}

remove_labelled() { # LABEL=VALUE
  for container in $(docker ps --all --quiet --filter "label=$1"); do
    docker rm --force --volumes "$container"
  done
  for network in $(docker network ls --quiet --filter "label=$1"); do
    docker network rm "$network"
  done
}

remove_folder() { # PATH
  case $1 in
    /*/*) ;;
    *) return ;; # never the root, a top folder or a relative path
  esac
  [ -d "$1" ] && [ ! -L "$1" ] || return
  # What still dies may still write: once more, while something is left.
  tries=0
  until rm -rf -- "$1" 2>/dev/null; do
    chmod -R u+rwx -- "$1" 2>/dev/null
    tries=$((tries + 1))
    [ "$tries" -le 100 ] || return
    pause
  done
}

clean() { # server|running|stored KIND FIELD FIELD
  case $1:$2 in
    server:postmaster) stop_postmaster "$3" "$4" ;;
    running:process-group) kill_process_group "$3" "$4" ;;
    running:containers) remove_containers "$3" ;;
    stored:folder) remove_folder "$3" ;;
  esac
}

clean_all() { # server|running|stored
  key=$newest
  while [ "$key" -gt 0 ]; do
    eval "line=\${watched_$key-}"
    if [ -n "$line" ]; then
      IFS=$tab read -r kind first second <<LINE
$line
LINE
      clean "$1" "$kind" "$first" "$second"
    fi
    key=$((key - 1))
  done
}

while IFS=$tab read -r verb key rest; do
  is_number "$key" || continue
  case $verb in
    watch)
      eval "watched_$key=\$rest"
      [ "$key" -le "$newest" ] || newest=$key
      ;;
    forget) unset "watched_$key" ;;
  esac
done

clean_all server
clean_all running
clean_all stored
