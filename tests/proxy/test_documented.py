"""The proxy's page says what the proxy does."""

from __future__ import annotations

import re
from pathlib import Path

from proxy_under_test.errors import ANSWERS
from proxy_under_test.settings import Settings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "proxy.md").read_text("utf-8")


def test_every_setting_is_documented() -> None:
    """
    Each setting stands in docs/proxy.md under its environment variable's name, and no other does.
    """
    table = PAGE.partition("## Settings")[2].partition("## Errors")[0]
    named = set(re.findall(r"`([A-Z][A-Z_]+)`", table))

    assert {name.upper() for name in Settings.model_fields} == named


def test_every_answer_is_documented() -> None:
    """
    Each cause stands in docs/proxy.md with the status, title, code and error type it is answered with.
    """
    rows = {
        f"| {cause.value} | {answer.status} | {answer.title} | {answer.code or '–'} | {answer.proxy_error or '–'} |"
        for cause, answer in ANSWERS.items()
    }

    assert set() == rows - set(PAGE.splitlines())
