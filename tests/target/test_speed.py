"""How promises become settings, at which speed."""

from __future__ import annotations

import pytest

from harness.clock import Clock
from harness.contract.model import Contract, Retries, load_contract
from harness.errors import NotPromised, UsageError
from harness.target.files import load_target
from harness.target.speed import environment, promised_settings
from tests.target.tiny import Write

SETTINGS = """
[settings]
request_timeout = { env = "TIMEOUT_S", unit = "s" }
retry_delay = { env = "DELAY_MS", unit = "ms" }
max_retries = { env = "RETRIES", unit = "count" }
body_buffer = { env = "BUFFER", unit = "bytes" }
environment = { env = "NODE_ENV", unit = "text" }
"""


def test_the_reference_proxy_is_told_every_promise_of_the_guide() -> None:
    """At speed 20 every duration of the guide is a twentieth, in the milliseconds the proxy reads; counts stay."""
    target = load_target("reference")
    contract = load_contract(target.contract, origin="reference")

    told = environment(target, promised_settings(target, contract), Clock(20))

    assert told == {
        "REQUEST_TIMEOUT": "1500",
        "CONNECT_TIMEOUT": "250",
        "RETRY_DELAY": "50",
        "HEALTH_CHECK_TIMEOUT": "150",
        "HEALTH_CHECK_TTL": "250",
        "MAX_RETRIES": "3",
        "FRONTEND_URL": "http://localhost:3200",
        "BODY_BUFFER_LIMIT": "1048576",
    }


@pytest.mark.parametrize(
    ("name", "value", "speed", "expected"),
    [
        ("request_timeout", 30, 1, {"TIMEOUT_S": "30"}),
        ("request_timeout", 30, 20, {"TIMEOUT_S": "1.5"}),
        ("request_timeout", 10, 100, {"TIMEOUT_S": "0.1"}),
        ("request_timeout", 0, 20, {"TIMEOUT_S": "0"}),
        ("retry_delay", 1, 7, {"DELAY_MS": "143"}),
        ("retry_delay", 0.001, 20, {"DELAY_MS": "1"}),
        ("retry_delay", 0, 20, {"DELAY_MS": "0"}),
        ("max_retries", 0, 20, {"RETRIES": "0"}),
        ("body_buffer", 1024, 20, {"BUFFER": "1024"}),
        ("environment", "production", 20, {"NODE_ENV": "production"}),
    ],
)
def test_only_durations_are_divided(
    target_of: Write, name: str, value: object, speed: float, expected: dict[str, str]
) -> None:
    """A duration is divided by the speed and never becomes 0; anything else is given as it is."""
    assert environment(target_of(SETTINGS), {name: value}, Clock(speed)) == expected


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("request_timeout", "30s", "a duration in target seconds"),
        ("retry_delay", -1, "a duration in target seconds"),
        ("max_retries", 1.5, "an integer"),
        ("max_retries", True, "an integer"),
        ("environment", 1, "a text"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(target_of: Write, name: str, value: object, takes: str) -> None:
    """The message names the setting and what it takes."""
    with pytest.raises(UsageError, match=f"settings.{name} takes {takes}"):
        environment(target_of(SETTINGS), {name: value}, Clock(1))


def test_what_a_target_cannot_be_told_it_does_not_promise(target_of: Write) -> None:
    """A setting that the file does not name is nobody's fault: the paths that need it are n/a."""
    with pytest.raises(NotPromised, match=r"no \[settings\] health_ttl"):
        environment(target_of(SETTINGS), {"health_ttl": 5}, Clock(1))


def test_a_target_in_real_time_is_told_what_it_can_be_told(target_of: Write) -> None:
    """In real time a promise without a setting keeps the target's own value."""
    contract = load_contract({"extends": "guide"}, origin="here")

    assert promised_settings(target_of(SETTINGS), contract) == {
        "request_timeout": 30.0,
        "retry_delay": 1.0,
        "max_retries": 3,
        "body_buffer": 1048576,
    }


def test_a_duration_that_cannot_be_scaled_is_refused(target_of: Write) -> None:
    """A target that is sped up by its settings must have one for every duration that it promises."""
    contract = load_contract({"extends": "guide"}, origin="here")
    target = target_of('speed = "settings"' + SETTINGS)

    with pytest.raises(UsageError, match=r"settings.connect_timeout is missing.*speed = \"real\""):
        promised_settings(target, contract)


def test_an_empty_contract_sets_nothing(target_of: Write) -> None:
    """What is not promised is left as the target has it."""
    assert promised_settings(target_of(SETTINGS), Contract()) == {}
    assert promised_settings(target_of(SETTINGS), Contract(retries=Retries(max=0, delays_s=()))) == {"max_retries": 0}
