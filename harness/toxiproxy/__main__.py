"""``python -m harness.toxiproxy``: the fault server, with Toxiproxy's own flags."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.toxiproxy.server.api import VERSION
from harness.toxiproxy.server.run import CannotStart, Options, run

CANNOT_START = 2
LAST_PORT = 65535


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= LAST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 0 (any) to {LAST_PORT}")
    return int(text)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.toxiproxy",
        description=f"TCP fault server with the HTTP API of Toxiproxy {VERSION}.",
        allow_abbrev=False,
    )
    parser.add_argument("--host", "-host", default="127.0.0.1", help="where the API listens")
    parser.add_argument("--port", "-port", type=_port, default=8474, help="the API's port; 0 takes any that is free")
    parser.add_argument("--seed", "-seed", type=int, help="of all chance: toxicity, jitter, slices")
    parser.add_argument("--config", "-config", type=Path, metavar="FILE", help="JSON file of proxies to start with")
    parser.add_argument("--version", "-version", action="version", version=f"toxiproxy-server version {VERSION}")
    for flag in ("proxy-metrics", "runtime-metrics"):
        parser.add_argument(
            f"--{flag}", f"-{flag}", action="store_true", help="accepted; byte counters are always there"
        )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM.  Prints ``listening on HOST:PORT`` once the API answers; 2: cannot start."""
    given = _arguments().parse_args(arguments)
    options = Options(given.host, given.port, given.seed, given.config)
    try:
        run(options, lambda address: print(f"listening on {address}", flush=True))
    except CannotStart as error:
        print(f"errorpath toxiproxy: {error}", file=sys.stderr)
        return CANNOT_START
    return 0


if __name__ == "__main__":
    sys.exit(main())
