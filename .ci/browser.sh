#!/usr/bin/env bash
# browser.sh: prints the path of a Chromium for the tests of the pages; installs Debian's where there is none.
set -euo pipefail
for name in "${ERRORPATH_CHROMIUM:-}" chromium chromium-browser google-chrome; do
  if [ -n "$name" ] && command -v "$name"; then exit 0; fi
done
command -v apt-get > /dev/null || { echo "the lane of the browser needs chromium, and there is neither it nor apt-get" >&2; exit 1; }
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get update -qq >&2
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends chromium >&2
command -v chromium
