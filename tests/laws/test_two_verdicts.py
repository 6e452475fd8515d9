"""Every failure gets two verdicts: the contract's, which decides, and the standard's, which is shown beside it."""

from __future__ import annotations

import ast
import re

from harness.contract.catalogue import CATALOGUE
from harness.plugin.scenario_index import scenario_paths
from tests.laws.sources import sources

# How a promise speaks of a failure that some client sees.
FAILURE = re.compile(r"\b(?:4\d\d|5\d\d)\b|\berrors?\b|unavailable|broken body|refused")

# The claims that also ask the standard.
JUDGED = (
    "expect.error(",
    "expect.failed",
    "expect.named(",
    "expect.broken_body(",
    "expect.rule(",
    "expect.answered(",
    "expect.answered_here(",
    "expect.turned_away(",
    "expect.read_one_way(",
)

# Failures that no proxy answers, or that are not the proxy's.
OTHERS = {
    "retry-empty-reply": "the promise is that no error is seen",
    "database-reset": "the answer is the backend's own",
    "limit-slow-head": "the client may be left without an answer",
    "client-half-request": "the client has left",
    "stop-finishes": "a refused connect is no answer",
    "stop-grace": "the connection may end without an answer",
}


def _claims() -> dict[str, str]:
    """The text of all scenarios of each path."""
    texts: dict[str, str] = {}
    for source in sources("scenarios"):
        for function in source.functions():
            path = scenario_paths().get(f"{source.path.name}::{function.name}")
            if path is not None:
                texts[path] = texts.get(path, "") + ast.unparse(function)
    return texts


def test_every_failure_is_judged_by_the_standard_too() -> None:
    """
    A path whose promise is a failure has a scenario that asks the standard about it.
    """
    claims = _claims()
    failing = {row.id for row in CATALOGUE if FAILURE.search(row.promise)}
    judged = {path for path, text in claims.items() if any(claim in text for claim in JUDGED)}

    assert set() == failing - judged - OTHERS.keys()


def test_no_exception_outlives_its_reason() -> None:
    """
    A path that is left out of the rule is one that the rule would catch.
    """
    claims = _claims()
    failing = {row.id for row in CATALOGUE if FAILURE.search(row.promise)}
    judged = {path for path, text in claims.items() if any(claim in text for claim in JUDGED)}

    assert OTHERS.keys() <= failing - judged
