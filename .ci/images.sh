#!/usr/bin/env bash
# images.sh DIR TOXIPROXY: prints the settings that name the images to use, as NAME=VALUE lines. The official ones where
# a registry is reached; else stand-ins built here from Debian's packages and the TOXIPROXY program.
set -euo pipefail
PATH="$PATH:/usr/sbin:/sbin"
dir=$1 toxiproxy=$2
cd "$(dirname "$0")/.."

official() {
  local image names
  names=$(.venv/bin/python -c 'from harness.environment.containers import IMAGES; print(*(i[1] for i in IMAGES.values()))') || return 1
  for image in $names; do timeout 120 docker pull -q "$image" >&2 || return 1; done
}

debian() {
  local root="$dir/debian"
  command -v debootstrap > /dev/null || { apt-get update -qq; apt-get install -y -qq debootstrap; } >&2
  mkdir -p "$root"
  mount -t tmpfs -o size=3g errorpath "$root"  # dpkg syncs every file, which costs minutes on a busy disk
  debootstrap --variant=minbase --include=redis-server,postgresql bookworm "$root" > "$dir/debootstrap.log" 2>&1 ||
    { tail -n 20 "$dir/debootstrap.log" >&2; umount "$root"; return 1; }
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale} "$root"/var/lib/postgresql/*
  tar -C "$root" -c . | docker import - errorpath-ci/debian > /dev/null
  umount "$root"
}

stand_ins() {
  local name
  debian
  for name in postgres redis toxiproxy; do
    cp -r ".ci/images/$name" "$dir/$name"
  done
  cp "$toxiproxy" "$dir/toxiproxy/toxiproxy-server"
  for name in postgres redis toxiproxy; do
    DOCKER_BUILDKIT=0 docker build -q -t "errorpath-ci/$name" "$dir/$name" > /dev/null 2> "$dir/build.log" ||
      { cat "$dir/build.log" >&2; return 1; }
    echo "ERRORPATH_${name^^}_IMAGE=errorpath-ci/$name"
  done
}

mkdir -p "$dir"
if official; then
  echo "the official images" >&2
else
  echo "no image registry is reached: building stand-ins" >&2
  stand_ins
fi
