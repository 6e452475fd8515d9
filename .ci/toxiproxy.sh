#!/usr/bin/env bash
# Installs the real Toxiproxy, built from its published Go module, as DIR/toxiproxy-server.
set -euo pipefail
dir=$1
command -v go > /dev/null || { echo "the lane of the real Toxiproxy needs Go, and there is none on PATH" >&2; exit 1; }
mkdir -p "$dir"
# without cgo the program is static, and so is the whole of its image
GOBIN="$(cd "$dir" && pwd)" CGO_ENABLED=0 go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0
mv "$dir/server" "$dir/toxiproxy-server"
