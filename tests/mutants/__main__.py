"""``python -m tests.mutants NAME``: run the proxy with that mutant's fault.  Exit codes are the proxy's."""

from __future__ import annotations

import sys

import proxy_under_test.__main__ as program
from tests.mutants.families import MUTANTS


def main() -> int:
    """Put the fault in, then run the proxy."""
    if len(sys.argv) != 2 or sys.argv[1] not in MUTANTS:
        sys.stderr.write(f"usage: python -m tests.mutants NAME, with one of {', '.join(MUTANTS)}\n")
        return 2
    MUTANTS[sys.argv[1]].apply()
    return program.main()


if __name__ == "__main__":
    sys.exit(main())
