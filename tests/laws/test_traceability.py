"""Every line of the guide is accounted for, and what it promises is checked."""

from __future__ import annotations

import itertools

from harness.contract.catalogue import CATALOGUE
from harness.contract.checks import checks
from harness.contract.traceability import GUIDE_LINES, accounts, page, unknown_paths
from tests.laws.sources import ROOT


def test_every_line_of_the_guide_is_accounted_for_once() -> None:
    """
    The parts follow one another without gap or overlap, from the first line to the last.
    """
    parts = accounts()

    assert [] == [part for part in parts if part.first > part.last]
    assert [] == [(a, b) for a, b in itertools.pairwise(parts) if b.first != a.last + 1]
    assert (1, GUIDE_LINES) == (parts[0].first, parts[-1].last)


def test_what_the_guide_promises_is_checked() -> None:
    """
    A part that promises something names paths of the catalogue; one that does not says why.
    """
    assert [] == unknown_paths()
    assert [] == [part for part in accounts() if part.promise and not part.paths]
    assert [] == [part for part in accounts() if not part.promise and not part.why_none]


def test_what_a_proxy_must_do_is_checked() -> None:
    """
    Each check that a proxy must pass names paths; an id stands once.
    """
    assert [] == [check.id for check in checks() if check.level == "M" and not check.paths]
    assert len(checks()) == len({check.id for check in checks()})


def test_a_path_that_claims_to_be_documented_is_promised_somewhere() -> None:
    """
    A row of kind G that names a section of the guide stands in that account.
    """
    named = {path for part in accounts() for path in part.paths}

    assert [] == [row.id for row in CATALOGUE if row.kind == "G" and row.id not in named]


def test_the_page_is_what_the_data_says() -> None:
    """
    docs/traceability.md is written by `python -m harness.contract.traceability`, and current.
    """
    assert page() == (ROOT / "docs" / "traceability.md").read_text("utf-8")
