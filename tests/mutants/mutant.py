"""What a mutant is, and the register of all of them.

Law: a mutant is the reference with one fault, made by a small replacement at a seam, never by a copy; its sentence
says what the person got wrong, and it names the error paths that must accuse it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One defective proxy.  ``caught_by``: the ids of the paths that must each call it a fail."""

    name: str
    family: str
    mistake: str
    caught_by: tuple[str, ...]
    apply: Callable[[], None]


MUTANTS: dict[str, Mutant] = {}


def mutant(caught_by: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function that puts one fault into the proxy's modules; its docstring is the sentence.

    ``caught_by`` has the ids of the paths, separated by spaces.
    """

    def register(apply: Callable[[], None]) -> Callable[[], None]:
        name = apply.__name__.replace("_", "-")
        if name in MUTANTS:
            raise ValueError(f"there are two mutants called {name}")
        family = apply.__module__.rpartition(".")[2]
        mistake = " ".join((apply.__doc__ or "").split())
        MUTANTS[name] = Mutant(name, family, mistake, tuple(caught_by.split()), apply)
        return apply

    return register
