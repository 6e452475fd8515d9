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
    """The id of the error path of each scenario, by its node id below the checkout (without parameters)."""
    folder = scenarios_folder()
    found = {}
    for file in sorted(folder.glob("test_*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and (path := _marked(node)):
                found[f"{folder.name}/{file.name}::{node.name}"] = path
    return found


def _marked(function: ast.FunctionDef) -> str | None:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.error_path":
            return str(ast.literal_eval(decorator.args[0]))
    return None
