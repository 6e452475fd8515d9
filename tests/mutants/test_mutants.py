"""The mutants as data: each can be made, is one fault, and stands in the document."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from harness.contract.catalogue import BY_ID
from harness.target.files import load_target
from tests.mutants import document, target
from tests.mutants.campaign import chosen
from tests.mutants.families import FAMILIES, IN_ORDER, MUTANTS
from tests.mutants.mutant import Mutant

FEWEST = 40
ASK_THE_BACKEND_ALONE = {"api-docs", "migrations-missing"}  # so no proxy, however defective, can fail them
NEED_IPV6 = {"connect-dual-stack", "error-dual-stack"}  # n/a on a machine without ::1, where a mutant would survive
TARGETS = [pytest.param(one, id=one.name) for one in IN_ORDER]


def test_there_are_enough_of_them_and_each_says_what_is_wrong() -> None:
    """
    At least 40, none left out of the order, each with one sentence of its own.
    """
    sentences = [one.mistake for one in IN_ORDER]

    assert len(IN_ORDER) >= FEWEST
    assert set(MUTANTS) == {one.name for one in IN_ORDER}
    assert len(sentences) == len(set(sentences))
    assert [] == [text for text in sentences if not text.endswith(".") or len(text) < 20]


def test_each_is_caught_by_paths_that_exist() -> None:
    """
    A mutant names at least one path, and only paths of the catalogue.
    """
    assert [] == [one.name for one in IN_ORDER if not one.caught_by]
    assert [] == [(one.name, path) for one in IN_ORDER for path in one.caught_by if path not in BY_ID]


def test_every_path_that_asks_the_proxy_is_seen_to_fail() -> None:
    """
    A path that no defective proxy fails has never been seen to notice anything.
    """
    caught_by = {path for one in IN_ORDER for path in one.caught_by}

    assert set(BY_ID) - caught_by == ASK_THE_BACKEND_ALONE | NEED_IPV6


@pytest.mark.parametrize("one", TARGETS)
def test_each_finds_its_seams(one: Mutant) -> None:
    """
    Every seam that a mutant replaces is there; a proxy that has changed cannot turn it into the reference.
    """
    try:
        one.apply()
    finally:
        mock.patch.stopall()


@pytest.mark.parametrize("one", TARGETS[:: len(TARGETS) // 5])
def test_a_mutant_is_a_target_file_like_any_other(one: Mutant, tmp_path: Path) -> None:
    """
    Its target file is read like every target's, and differs from the reference's in name and command alone.
    """
    path = target.write(one, tmp_path)

    made, reference = load_target(str(path)), load_target("reference")

    assert one.name == made.name
    assert [*reference.launch.command[:2], "tests.mutants", one.name] == made.launch.command
    assert reference.model_dump(exclude={"name", "launch"}) == made.model_dump(exclude={"name", "launch"})


def test_the_document_has_every_mutant() -> None:
    """
    docs/mutants.md is what `make mutants` writes.
    """
    assert document.render(IN_ORDER) == document.DOCUMENT.read_text("utf-8")


def test_a_sample_is_the_same_for_a_seed_and_spread_over_the_families() -> None:
    """
    The sample of CI is reproducible, and has as many families as it has room for.
    """
    sample = chosen((), len(FAMILIES), seed=7)

    assert sample == chosen((), len(FAMILIES), seed=7)
    assert {one.family for one in sample} == {family.__name__.rpartition(".")[2] for family in FAMILIES}
