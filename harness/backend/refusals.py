"""What the API will not do; apart from its HTTP form (`problems`), so that the commands need no web framework."""

from __future__ import annotations

from collections.abc import Mapping


class Problem(Exception):
    """The request is answered with this status, and whatever it had begun in the database is rolled back."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
