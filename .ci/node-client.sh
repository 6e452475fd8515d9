#!/usr/bin/env bash
# node-client.sh DIR: installs the published Node client of tests/toxiproxy/node_client, at its locked version, in DIR.
set -euo pipefail
dir=$1
cd "$(dirname "$0")/.."
for program in node npm; do
  command -v "$program" > /dev/null || { echo "the lane of the Node client needs $program, and there is none on PATH" >&2; exit 1; }
done
mkdir -p "$dir"
cp tests/toxiproxy/node_client/{package.json,package-lock.json,.npmrc} "$dir"
npm ci --prefix "$dir" >&2
