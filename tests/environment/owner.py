"""A run that does nothing but hold its environment, the embedded one or another, and one link, to be killed."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from harness.environment.chosen import Environment
from harness.environment.endpoints import for_worker
from harness.environment.rundir import RunDirectory
from harness.toxiproxy.client import LinkServer


def main() -> None:
    """Start everything in the folder given (and as chosen: --env, --toxiproxy), say where, and wait for the end."""
    place, run_id, *chosen = sys.argv[1:]
    run = RunDirectory.create(run_id, parent=Path(place))
    endpoints = Environment(*chosen).start(run)
    share = for_worker(endpoints, "gw0")
    LinkServer(endpoints.toxiproxy).create(f"{run.id}-link", "127.0.0.1:1")
    print(json.dumps({"database": share.database_url, **endpoints.to_json()}), flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
