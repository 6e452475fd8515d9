"""How settings are read: what a browser or a resolver makes of them is what counts."""

from __future__ import annotations

import errno

import pytest

from proxy_under_test.__main__ import _cannot_listen
from proxy_under_test.settings import load_settings


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
def test_an_origin_is_read_as_a_browser_writes_it(given: str, origins: tuple[str, ...]) -> None:
    """A browser sends its origin in lower case and without its scheme's own port; a setting in another way would
    allow nobody.
    """
    assert origins == load_settings({"FRONTEND_URL": given}).origins


def test_an_address_that_can_be_is_taken_as_it_is() -> None:
    """Upper case, a port, a path, a number of either family: nothing of them is changed."""
    for given in ("http://API.example.com:8080/base", "https://[::1]:3101", "http://127.0.0.1", "http://a_b.test."):
        read = load_settings({"NEXT_PUBLIC_API_URL": given, "ERROR_WEBHOOK_URL": f"{given}/errors?key=1"})

        assert (read.next_public_api_url, read.error_webhook_url) == (given, f"{given}/errors?key=1")


def test_a_name_may_be_in_any_case_and_an_empty_value_is_none() -> None:
    """As shells and their users write them; an empty value in a compose file means that it is not set."""
    read = load_settings({"port": "8080", "Max_Retries": "5", "BODY_LIMIT": "", "HOST": "", "UNKNOWN": "x"})

    assert (read.port, read.max_retries, read.body_limit, read.host) == (8080, 5, None, "127.0.0.1")


def test_a_limit_of_headers_below_that_of_targets_is_a_setting_like_any_other() -> None:
    """Each limit can be set by itself; which of them a request meets first is its own matter."""
    read = load_settings({"HEADER_LIMIT": "8192"})

    assert (read.header_limit, read.target_limit) == (8_192, 16_384)


@pytest.mark.parametrize(("port", "other"), [(3000, 3001), (65_535, 65_534)])
def test_the_port_that_is_proposed_for_one_in_use_is_one(port: int, other: int) -> None:
    """Above the highest port there is none."""
    said = _cannot_listen(load_settings({"PORT": str(port)}), OSError(errno.EADDRINUSE, "in use"))

    assert f"PORT={other} " in said
