"""From a pytest report to a record: each scenario leaves exactly one, whatever happened to it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from harness.case import Case
from harness.contract.catalogue import BY_ID
from harness.errors import ContractViolation, Disturbed, HarnessError
from harness.report.results import Record
from harness.verdicts.standard import loudest
from harness.verdicts.timing import SCHEDULING_S
from harness.verdicts.verdict import Verdict, verdict_of

CASE = pytest.StashKey[Case]()
STARTED = pytest.StashKey[float]()
PROPERTY = "errorpath"
CRASHED: Any = "???"  # xdist's phase for a test during which the worker died


def path_of(item: pytest.Item) -> str | None:
    """The id of the error path a test checks; None when it is no scenario."""
    mark = item.get_closest_marker("error_path")
    return mark.args[0] if mark else None


def begin(item: pytest.Item) -> None:
    """Open the record of a scenario."""
    path = path_of(item)
    if path is not None:
        item.stash[CASE] = Case(BY_ID[path], item.name)
        item.stash[STARTED] = time.monotonic()


def attach(item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport) -> None:
    """Attach the record to the report that decides it: a failed set-up or tear-down, or the call itself."""
    case = item.stash.get(CASE, None)
    if case is None or (call.when != "call" and call.excinfo is None):
        return
    raised = _judged(case, call.excinfo.value if call.excinfo else None)
    verdict = verdict_of(raised)
    if call.when != "call" and verdict is Verdict.FAIL:
        verdict = Verdict.INVALID  # outside the scenario itself nothing is claimed of the proxy
    if verdict is Verdict.NOT_PROMISED:
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.location[1] or 0, f"not promised: {raised}")
    elif raised is not None:
        report.outcome = "failed"
        report.longrepr = f"{verdict}: {_reason(raised)}\n\n{report.longreprtext}"
    record = _record(case, verdict, raised, time.monotonic() - item.stash[STARTED])
    report.user_properties.append((PROPERTY, json.dumps(record)))


def _judged(case: Case, raised: BaseException | None) -> BaseException | None:
    """What is to be judged.

    A claim about time during which this machine stalled says nothing, kept or broken; in real time a stall has to be
    longer to spoil one that was kept (`Case.harmless_s`).  Short stalls that together are as long leave a promise
    kept and excuse one broken by time: what takes many steps waits at each.  One so long that the target's deadline
    may have passed in it excuses whatever was broken (`Case.spoiling_s`).  A stall excuses nothing that it cannot do
    (`ContractViolation.excusable`).  And no promise was broken by the proxy when our own part of the way is.
    """
    if not (raised is None or isinstance(raised, ContractViolation)):
        return raised
    if raised and not raised.excusable:
        return _ours(case, raised) or raised
    if raised and (longest_s := case.stall_s()) > case.spoiling_s:
        return Disturbed(f"this machine stalled for {longest_s:.3f} s, half the deadline and more, when {raised}")
    stall_s = case.disturbed_s
    if raised is None and stall_s <= case.harmless_s:
        return None
    if raised and stall_s <= SCHEDULING_S and (withheld_s := case.withheld_s) > min(SCHEDULING_S, case.late_s):
        return Disturbed(f"this machine kept us or the target waiting {withheld_s:.3f} s in all, when {raised}")
    if stall_s <= SCHEDULING_S:
        return _ours(case, raised) or raised if raised else None
    what = f", when {raised}" if raised else ""
    return Disturbed(f"this machine stalled for {stall_s:.3f} s, more than the {SCHEDULING_S:g} s allowed for{what}")


def _ours(case: Case, raised: BaseException) -> HarnessError | None:
    """Why a violation is none of the proxy's: a fault did not heal, or a link is broken."""
    notes = getattr(raised, "__notes__", ())
    if notes:
        return HarnessError(f"{raised}; {'; '.join(notes)}")
    try:
        case.check_links()
    except HarnessError as exc:
        return exc
    return None


def _record(case: Case, verdict: Verdict, raised: BaseException | None, wall_s: float) -> Record:
    expected, actual = case.expected, case.actual
    if isinstance(raised, ContractViolation):
        expected, actual = raised.expected, raised.actual
    elif raised is not None:
        expected, actual = case.path.promise, _reason(raised)
    return {
        "id": case.path.id,
        "case": case.name,
        "verdict": str(verdict),
        "expected": expected,
        "actual": actual,
        "standard": loudest(case.standards),
        "standards": case.standards,
        "witness": "; ".join(dict.fromkeys(case.witnesses)),
        "attempts": case.attempts,
        "notes": case.notes,
        "stall_s": round(case.stall_s(), 3),
        "lost_s": round(case.lost_s(), 3),
        "disturbed": isinstance(raised, Disturbed),
        "wall_s": round(wall_s, 3),
    }


def _reason(raised: BaseException) -> str:
    return f"{type(raised).__name__}: {raised}"


def record_in(report: pytest.TestReport) -> Record | None:
    """The record a worker attached to its report."""
    for name, value in report.user_properties:
        if name == PROPERTY:
            record: Record = json.loads(str(value))
            return record
    return None


def lost(path: str, name: str, why: str) -> Record:
    """The record of a scenario that could leave none itself: its worker died, or it was never run."""
    case = Case(BY_ID[path], name)
    return _record(case, Verdict.INVALID, HarnessError(why), 0.0)
