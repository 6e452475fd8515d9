"""The house's numbers: how long a module and a function may be, and what is not written here."""

from __future__ import annotations

import ast
import re

from tests.laws.sources import ROOT, sources

MODULE_LINES = 400
FUNCTION_LINES = 40
TEST_FILE_LINES = 300
NAMES_THAT_SAY_NOTHING = {"utils", "helpers", "common", "base", "misc"}
PROMISES_TO_ONESELF = re.compile(r"\b(TODO|FIXME|XXX)\b")
REGISTRIES = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|proxy\.golang|crates\.io|repo1\.maven|deb\.debian")
ELSEWHERE = re.compile(r"/(?:work|farm)/|\b(?:product|architecture|libraries|error-paths|checks|style)\.md\b")
SECRETS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{36}")
THIS_FILE = "test_house.py"


def test_no_module_outgrows_one_idea() -> None:
    """
    A module has at most 400 lines, a test file 300.
    """
    long = [
        (source.module, lines)
        for source in sources("harness", "proxy_under_test", "scenarios", "benchmarks", "tests")
        if (lines := source.text.count("\n"))
        > (TEST_FILE_LINES if source.path.name.startswith("test_") else MODULE_LINES)
    ]

    assert [] == long


def test_no_function_outgrows_a_screen() -> None:
    """
    A function has at most 40 lines.
    """
    long = [
        (f"{source.module}.{function.name}", lines)
        for source in sources()
        for function in source.functions()
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES
    ]

    assert [] == long


def test_nobody_sleeps() -> None:
    """
    The one polling loop waits; nothing calls time.sleep.
    """
    sleeping = [
        f"{source.module}:{node.lineno}"
        for source in sources("harness", "proxy_under_test", "scenarios", "benchmarks", "tests")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep"}
    ]

    assert [] == sleeping


def test_every_name_says_something() -> None:
    """
    No file is called utils, helpers, common, base or misc.
    """
    assert [] == [
        s.module
        for s in sources("harness", "proxy_under_test", "scenarios", "tests")
        if s.path.stem in NAMES_THAT_SAY_NOTHING
    ]


def test_nothing_is_promised_for_later_and_no_registry_is_named() -> None:
    """
    The files hold no notes to oneself, no package registry's host, no place of another project and no secret.
    """
    texts = [
        *ROOT.glob("*.*"),
        *ROOT.glob("docs/*"),
        *(s.path for s in sources("harness", "proxy_under_test", "tests", "scenarios", "benchmarks")),
    ]
    found = [
        (path.name, match.group())
        for path in texts
        if path.is_file() and path.name not in (THIS_FILE, "uv.lock")
        for pattern in (PROMISES_TO_ONESELF, REGISTRIES, ELSEWHERE, SECRETS)
        if (match := pattern.search(path.read_text("utf-8")))
    ]

    assert [] == found
