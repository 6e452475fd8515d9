"""The guide's traffic while faults come and go.

``locust -f locustfiles/under_fault.py --host http://127.0.0.1:3000 --toxiproxy 127.0.0.1:8474`` goes through
``locustfiles/schedule.toml`` again and again, on the links of a Toxiproxy that the proxy and its backend use, until
the test is stopped; with workers, the master alone does.  ``errorpath load`` does the same on a stack of its own,
against a control, and judges.
"""

from __future__ import annotations

import harness.load.generator.faulted
import harness.load.generator.options  # noqa: F401 - both add flags
from harness.load.generator.guide import GuideUser


class UnderFault(GuideUser):
    """A user of the guide's API, while it is being broken."""
