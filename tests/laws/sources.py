"""The sources the laws are about."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ("harness", "proxy_under_test", "scenarios", "locustfiles", "benchmarks")


@dataclass(frozen=True)
class Source:
    """One Python file of the project."""

    path: Path

    @cached_property
    def module(self) -> str:
        """Its dotted name."""
        parts = list(self.path.relative_to(ROOT).with_suffix("").parts)
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def text(self) -> str:
        """Its text."""
        return self.path.read_text("utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.text, str(self.path))

    @functools.cache  # noqa: B019  # there is one Source per file, and the files are few
    def imports(self) -> list[str]:
        """The dotted names it imports, those for type checking only left out."""
        return list(self._imports())

    def _imports(self) -> Iterator[str]:
        skipped = {id(node) for guard in _type_checking(self.tree) for node in ast.walk(guard)}
        for node in ast.walk(self.tree):
            if id(node) in skipped:
                continue
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Its functions and methods."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def _type_checking(tree: ast.Module) -> list[ast.If]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]


def sources(*folders: str) -> list[Source]:
    """Every Python file below the folders, by default all code that is no test."""
    return [source for folder in folders or CODE for source in _below(folder)]


@functools.cache
def _below(folder: str) -> tuple[Source, ...]:
    return tuple(Source(path) for path in sorted((ROOT / folder).rglob("*.py")))
