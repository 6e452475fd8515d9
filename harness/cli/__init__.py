"""``errorpath``: the command line.

Exit codes: 0 every promise kept, 1 a promise broken, 2 bad usage or settings (nothing was started), 3 the harness
could not tell, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from harness.errors import HarnessError, UsageError

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    from harness.cli.arguments import parse

    arguments = parse(argv)
    try:
        return int(arguments.run(arguments))
    except UsageError as exc:
        print(f"errorpath: {exc}", file=sys.stderr)
        return 2
    except HarnessError as exc:
        print(f"errorpath: {exc}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("errorpath: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `errorpath paths | head`
        sys.stderr.close()
        return 0
