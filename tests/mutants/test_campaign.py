"""What the campaign makes of the verdicts on a mutant."""

from __future__ import annotations

import pytest

from tests.mutants.campaign import PLAIN, Outcome
from tests.mutants.mutant import Mutant


def outcome(*named: str, **verdicts: str) -> Outcome:
    """Of a mutant that names these paths; a path's dashes are written as underscores."""
    one = Mutant("one", "family", "It does nothing right.", named, lambda: None)
    return Outcome(one, {path.replace("_", "-"): verdict for path, verdict in verdicts.items()}, {}, 1.0)


SERVES = dict.fromkeys(PLAIN, "pass")


@pytest.mark.parametrize("plain", PLAIN)
def test_one_that_fails_what_it_names_and_serves_is_caught(plain: str) -> None:
    """One plain path is enough: the other may be what its fault is about."""
    found = outcome("cors-vary", cors_vary="fail", **{**SERVES, plain: "fail"})

    assert (found.survived, found.undecided) == ([], [])
    assert "cors-vary" in found.caught_by


def test_one_that_serves_nothing_is_not_caught() -> None:
    """It would fail any path, so its failing this one proves nothing."""
    found = outcome("cors-vary", cors_vary="fail", **dict.fromkeys(PLAIN, "fail"))

    assert (found.survived, found.undecided) == ([], ["cors-vary"])
    assert "UNDECIDED cors-vary (it serves nothing)" in found.line()


def test_a_plain_path_that_it_names_tells_nothing_of_its_serving() -> None:
    """The fault is about that path; the other has to be served."""
    named, other = PLAIN

    assert outcome(named, **{named: "fail", other: "pass"}).undecided == []
    assert outcome(named, **{named: "fail", other: "fail"}).undecided == [named]


def test_one_that_passes_what_it_names_has_survived() -> None:
    """Whatever else it fails."""
    found = outcome("cors-vary", "cors-allowed", cors_vary="pass", cors_allowed="fail", **SERVES)

    assert (found.survived, found.undecided) == (["cors-vary"], [])
    assert "SURVIVED cors-vary" in found.line()


def test_one_whose_path_could_not_tell_is_undecided() -> None:
    """It is checked once more."""
    found = outcome("cors-vary", cors_vary="invalid", **SERVES)

    assert (found.survived, found.undecided) == ([], ["cors-vary"])
