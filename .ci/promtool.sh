#!/usr/bin/env bash
# promtool.sh DIR: unpacks Debian's promtool into DIR and prints its path; nothing is installed, and no service begins.
set -euo pipefail
if command -v promtool; then exit 0; fi
command -v apt-get > /dev/null || { echo "the lane of the alerts needs promtool, and there is neither it nor apt-get" >&2; exit 1; }
mkdir -p "$1"
cd "$1"
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get update -qq >&2
apt-get download -qq prometheus >&2
dpkg -x prometheus_*.deb .
echo "$PWD/usr/bin/promtool"
