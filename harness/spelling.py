"""What somebody who misspelt a name perhaps meant."""

from __future__ import annotations

from collections.abc import Iterable


def similar(word: str, known: Iterable[str]) -> str:
    """The one of ``known`` that is most like ``word``, as a question in brackets after a space; "" where none is."""
    import difflib  # only a mistake needs it

    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
