"""toxiproxy-node-client as it is published drives both servers."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.toxiproxy.rig import EARLY_S, SLACK_S, Api

FOLDER_VARIABLE = "ERRORPATH_NODE_CLIENT"
DRIVER = Path(__file__).parent / "node_client" / "drive.cjs"
WITHIN_S = 60.0  # it takes a second

REFUSED = "Request failed with status code {}"
LATENCY = {"name": "latency_downstream", "type": "latency", "stream": "downstream"}
CHANGED = LATENCY | {"toxicity": 0.5, "attributes": {"latency": 1, "jitter": 0}}
SEEN: dict[str, Any] = {
    "version": "string",
    "echoed": "echo",
    "twice": REFUSED.format(409),
    "unknownToxic": REFUSED.format(400),
    "latency": {
        "met": "echo",
        "made": LATENCY | {"toxicity": 1, "attributes": {"latency": 120, "jitter": 0}},
        "changed": CHANGED,
        "read": CHANGED,
        "twice": REFUSED.format(409),
        "gone": REFUSED.format(404),
    },
    "toxics": {
        "the-bandwidth": ["downstream", 1, {"rate": 1000}, "echo"],
        "the-slicer": ["upstream", 1, {"average_size": 1, "size_variation": 0, "delay": 1}, "echo"],
        "the-slow_close": ["downstream", 1, {"delay": 1}, "echo"],
        "the-limit_data": ["downstream", 1, {"bytes": 0}, "closed"],
        "the-timeout": ["upstream", 1, {"timeout": 20}, "closed"],
        "the-reset_peer": ["upstream", 1, {"timeout": 0}, "ECONNRESET"],
    },
    "disabled": [False, "ECONNREFUSED"],
    "afterReset": [True, "echo"],
    "populated": ["node", "node-2"],
    "listed": True,
    "removed": [REFUSED.format(404), False, "ECONNREFUSED"],
}


@pytest.fixture
def node_modules() -> Path:
    """Where the client of the lock file is installed: `.ci/node-client.sh DIR` does it."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        pytest.skip(f"no Node client: .ci/node-client.sh DIR installs it, then {FOLDER_VARIABLE}=DIR")
    return Path(folder) / "node_modules"


def test_the_node_client_drives_the_server(api: Api, node_modules: Path) -> None:
    """Everything the client can do, with traffic of Node's own, meets the same on both servers."""
    done = subprocess.run(
        ["node", str(DRIVER), api.endpoint],
        env={**os.environ, "NODE_PATH": str(node_modules)},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    seen = json.loads(done.stdout)
    took_s = seen["latency"].pop("tookMs") / 1000

    assert seen == SEEN
    assert 0.12 - EARLY_S <= took_s <= 0.12 + SLACK_S
