"""``errorpath``: the command line.

Exit codes: 0 every promise kept, 1 a promise broken, 2 bad usage or settings (nothing was started), 3 the harness
could not tell (whatever nobody foresaw included), 130 interrupted by Ctrl-C, 143 by SIGTERM (what was measured until
then is written).
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from harness.cli.reader import reader_left
from harness.cli.signals import ended_by_signals
from harness.errors import HarnessError, Interrupted, UsageError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    from harness.cli.arguments import parse

    arguments = parse(argv)
    try:
        with ended_by_signals():
            code = int(arguments.run(arguments))
        sys.stdout.flush()
        return code
    except UsageError as exc:
        print(f"errorpath: {exc}", file=sys.stderr)
        return 2
    except HarnessError as exc:
        print(f"errorpath: {exc}", file=sys.stderr)
        return 3
    except Interrupted as exc:
        print(f"errorpath: {type(exc).__name__.lower()}", file=sys.stderr)
        return exc.exit_code
    except BrokenPipeError:  # `errorpath paths | head`
        reader_left()
        return 0
    except Exception:  # noqa: BLE001  # the last resort: 1 would accuse the proxy of what is ours
        traceback.print_exc()
        print("errorpath: this is a fault of errorpath's own, and says nothing about the proxy", file=sys.stderr)
        return 3
