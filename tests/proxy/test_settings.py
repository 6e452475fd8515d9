"""How settings are read: what a browser or a resolver makes of them is what counts."""

from __future__ import annotations

import pytest

from proxy_under_test.settings import Settings


@pytest.mark.parametrize(
    ("given", "origins"),
    [
        ("https://App.Example.com", ("https://app.example.com",)),
        ("https://app.example.com:443/", ("https://app.example.com",)),
        ("http://app.example.com:80", ("http://app.example.com",)),
        ("HTTP://localhost:03200", ("http://localhost:3200",)),
        ("https://a.test:80, ,http://b.test:443", ("https://a.test:80", "http://b.test:443")),
        ("http://[::1]:80", ("http://[::1]",)),
        ("", ("http://localhost:3200",)),
        (",", ()),
    ],
)
def test_an_origin_is_read_as_a_browser_writes_it(
    monkeypatch: pytest.MonkeyPatch, given: str, origins: tuple[str, ...]
) -> None:
    """A browser sends its origin in lower case and without its scheme's own port; a setting in another way would
    allow nobody.
    """
    monkeypatch.setenv("FRONTEND_URL", given)

    assert origins == Settings().origins


def test_an_address_that_can_be_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upper case, a port, a path, a number of either family: nothing of them is changed."""
    for given in ("http://API.example.com:8080/base", "https://[::1]:3101", "http://127.0.0.1", "http://a_b.test."):
        monkeypatch.setenv("NEXT_PUBLIC_API_URL", given)
        monkeypatch.setenv("ERROR_WEBHOOK_URL", f"{given}/errors?key=1")

        read = Settings()

        assert (read.next_public_api_url, read.error_webhook_url) == (given, f"{given}/errors?key=1")
