#!/usr/bin/env bash
# docker.sh start DIR: a Docker daemon of our own that keeps everything below DIR, installed first where need be; prints
# the DOCKER_HOST to use, which is that of a daemon that answers already where there is one.
# docker.sh stop DIR: its end, without a trace.
set -euo pipefail
PATH="$PATH:/usr/sbin:/sbin"
dir=$2
socket="unix://$dir/docker.sock"

install() {
  local program missing=""
  for program in docker dockerd iptables debootstrap; do command -v "$program" > /dev/null || missing=1; done
  [ -n "$missing" ] || return 0
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends docker.io iptables debootstrap
}

start() {
  if docker version > /dev/null 2>&1; then
    echo "${DOCKER_HOST:-unix:///var/run/docker.sock}"
    return
  fi
  install >&2
  mkdir -p "$dir"
  # in a session of its own, so that a Ctrl-C reaches this script's caller first, who then stops it in order
  setsid dockerd --storage-driver=overlay2 --data-root "$dir/data" --exec-root "$dir/exec" \
    --pidfile "$dir/docker.pid" -H "$socket" > "$dir/dockerd.log" 2>&1 < /dev/null &
  for _ in $(seq 60); do
    docker -H "$socket" version > /dev/null 2>&1 && { echo "$socket"; return; }
    sleep 0.5
  done
  echo "dockerd did not start within 30 s; its last words:" >&2
  tail -n 20 "$dir/dockerd.log" >&2
  return 1
}

stop() {
  [ -e "$dir" ] || return 0
  if [ -e "$dir/docker.pid" ]; then
    pid=$(cat "$dir/docker.pid")
    kill "$pid" 2> /dev/null || :
    for _ in $(seq 60); do
      kill -0 "$pid" 2> /dev/null || break
      sleep 0.5
    done
    kill -9 "$pid" 2> /dev/null || :
  fi
  grep -o "$dir[^ ]*" /proc/mounts | sort -r | while read -r mounted; do umount "$mounted" || umount -l "$mounted"; done
  rm -rf "$dir"
}

"$1"
