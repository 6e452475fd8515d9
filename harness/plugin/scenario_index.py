"""Which scenario checks which error path, read from the scenarios themselves."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import scenarios


def scenarios_folder() -> Path:
    """The folder of the scenarios."""
    return Path(scenarios.__file__).resolve().parent


@functools.cache
def scenario_paths() -> dict[str, str]:
    """The id of the error path of each scenario, by ``file::function``."""
    found = {}
    for file in sorted(scenarios_folder().glob("test_*.py")):
        for node in _functions(file):
            if path := _marked(node):
                found[f"{file.name}::{node.name}"] = path
    return found


def path_at(nodeid: str) -> str | None:
    """The id of the error path that the test of this node id checks; None when it is no scenario."""
    file, _, function = nodeid.partition("[")[0].partition("::")
    return scenario_paths().get(f"{file.rpartition('/')[2]}::{function}")


def _functions(file: Path) -> list[ast.FunctionDef]:
    """The functions of a file; of one that is not Python none, for pytest says so by itself."""
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (SyntaxError, ValueError):
        return []
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def _marked(function: ast.FunctionDef) -> str | None:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.error_path":
            return str(ast.literal_eval(decorator.args[0]))
    return None
