"""A run that does nothing but hold the embedded environment, to be killed."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from harness.environment.embedded import EmbeddedEnvironment, for_worker
from harness.environment.rundir import RunDirectory


def main() -> None:
    """Start everything in the folder given, say where it is, and wait for the end."""
    run = RunDirectory.create(sys.argv[2], parent=Path(sys.argv[1]))
    endpoints = EmbeddedEnvironment().start(run)
    share = for_worker(endpoints, "gw0")
    print(json.dumps({"database": share.database_url, **endpoints.to_json()}), flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
