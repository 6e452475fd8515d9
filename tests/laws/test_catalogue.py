"""The catalogue and the scenarios hold each other to account."""

from __future__ import annotations

import ast
import re
import tomllib

from harness.contract.catalogue import BY_ID, CATALOGUE
from harness.contract.model import GUIDE, Contract, load_contract
from harness.plugin.scenario_index import scenario_paths
from tests.laws.sources import ROOT, sources

SCENARIO_LINES = 20
DESIGN_FAMILIES = {"retry", "health", "timeout", "errors", "forwarding", "troubleshooting", "cors", "connection"}


def test_every_row_has_a_scenario() -> None:
    """
    A promise nobody checks is no row.
    """
    assert [] == [row.id for row in CATALOGUE if row.id not in set(scenario_paths().values())]


def test_every_scenario_has_a_row() -> None:
    """
    A scenario checks a row of the catalogue.
    """
    assert [] == [node for node, path in scenario_paths().items() if path not in BY_ID]


def test_every_test_among_the_scenarios_is_marked() -> None:
    """
    No test hides among the scenarios without saying which promise it checks.
    """
    unmarked = [
        f"{source.module}.{function.name}"
        for source in sources("scenarios")
        for function in source.functions()
        if function.name.startswith("test_") and f"{source.path.name}::{function.name}" not in scenario_paths()
    ]

    assert [] == unmarked


def test_an_id_is_there_once() -> None:
    """
    Ids are unique, and short enough to be typed.
    """
    assert len(CATALOGUE) == len(BY_ID)
    assert [] == [row.id for row in CATALOGUE if not re.fullmatch(r"[a-z0-9-]{3,32}", row.id)]


def test_every_need_is_a_part_of_a_contract() -> None:
    """
    The guide's contract makes every promise of the catalogue.
    """
    guide = load_contract({"extends": "guide"}, origin="test")

    assert [] == [(row.id, need) for row in CATALOGUE for need in row.needs if not guide.promises(need)]


def test_the_empty_contract_promises_nothing_documented() -> None:
    """
    What is absent from a contract is not promised.
    """
    needs = {need for row in CATALOGUE for need in row.needs}

    assert [] == [need for need in needs if Contract().promises(need)]


def test_the_guide_is_a_whole_contract() -> None:
    """
    The guide's file names every part of the model.
    """
    assert set(Contract.model_fields) == set(tomllib.loads(GUIDE.read_text("utf-8")))


def test_a_scenario_fits_in_twenty_lines() -> None:
    """
    The body of a scenario, its docstring left out, is at most 20 lines.
    """
    long = [
        (function.name, length)
        for source in sources("scenarios")
        for function in source.functions()
        if function.name.startswith("test_") and (length := _body_lines(function)) > SCENARIO_LINES
    ]

    assert [] == long


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[1] if ast.get_docstring(function) else function.body[0]
    return (function.end_lineno or 0) - first.lineno + 1


def test_a_scenario_claims_and_never_asserts() -> None:
    """
    A bare assert would be booked as our own failure; a claim says what was expected.
    """
    asserting = [
        source.module
        for source in sources("scenarios")
        if any(isinstance(node, ast.Assert) for node in ast.walk(source.tree))
    ]

    assert [] == asserting


def test_every_scenario_claims_something() -> None:
    """
    A scenario without a claim could not fail.
    """
    silent = [
        function.name
        for source in sources("scenarios")
        for function in source.functions()
        if function.name.startswith("test_") and "expect." not in ast.unparse(function)
    ]

    assert [] == silent


def test_the_families_are_those_of_the_scenario_files() -> None:
    """
    One file per family.
    """
    files = {path.stem.removeprefix("test_") for path in (ROOT / "scenarios").glob("test_*.py")}

    assert {row.family for row in CATALOGUE} == files
    assert files >= DESIGN_FAMILIES
