"""``make lock``: resolve the versions anew, into requirements.lock (pip, with hashes) and uv.toml (for ``uv run``).

uv's own lock file is not kept: it records the host of the registry that was asked, which is each user's own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(;[^\\]*)?", re.MULTILINE)
HEAD = """\
# The versions of requirements.lock, for `uv run` and `uv sync`. Written by `make lock`; a test compares the two.
constraint-dependencies = [
"""


def constraints(lock: str) -> str:
    """The text of uv.toml for the text of requirements.lock."""
    lines = []
    for name, version, marker in PINNED.findall(lock):
        requirement = f"{name}=={version} {marker.strip()}".strip().replace('"', "'")
        lines.append(f'    "{requirement}",\n')
    return f"{HEAD}{''.join(lines)}]\n"


def main() -> int:
    """Resolve, write both files; returns uv's exit code."""
    command = ["uv", "pip", "compile", "pyproject.toml", "--all-extras", "--group", "dev", "--universal"]
    command += ["--generate-hashes", "--no-emit-index-url", "--no-header", "--upgrade", "--quiet", "-o", LOCK.name]
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=False)
    if done.returncode == 0:
        (ROOT / "uv.toml").write_text(constraints(LOCK.read_text("utf-8")), "utf-8")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
