"""The contract of a target."""

from __future__ import annotations

import pytest

from harness.contract.model import load_contract
from harness.errors import UsageError


def test_the_guide_waits_one_two_and_three_seconds() -> None:
    """
    The guide's contract makes 4 tries, after waits of 1, 2 and 3 s.
    """
    retries = load_contract({"extends": "guide"}, origin="x.toml").retries

    assert retries is not None
    assert 4 == retries.tries
    assert (1, 2, 3) == retries.waits_s


def test_the_last_delay_repeats() -> None:
    """
    With more retries than delays, the last delay is the wait before each further one.
    """
    contract = load_contract({"retries": {"max": 4, "delays_s": [1, 2]}}, origin="x.toml")

    assert contract.retries is not None
    assert (1, 2, 2, 2) == contract.retries.waits_s


def test_no_retries_have_no_waits() -> None:
    """
    A contract of no retries has nothing to wait for.
    """
    contract = load_contract({"retries": {"max": 0, "delays_s": []}}, origin="x.toml")

    assert contract.retries is not None
    assert () == contract.retries.waits_s


def test_an_extension_changes_single_values() -> None:
    """
    What a target states goes over the guide's, table by table.
    """
    contract = load_contract(
        {"extends": "guide", "errors": {"refused": {"status": 502}}, "timeout": {"request_s": 10}}, origin="x.toml"
    )

    assert 502 == contract.errors["refused"].status
    assert "Backend API Connection Refused" == contract.errors["refused"].error
    assert contract.timeout is not None
    assert (10, 5) == (contract.timeout.request_s, contract.timeout.connect_s)


def test_false_takes_a_promise_out() -> None:
    """
    A section set to false is not promised.
    """
    contract = load_contract({"extends": "guide", "health": False}, origin="x.toml")

    assert contract.health is None
    assert not contract.promises("health.bypass")
    assert contract.promises("retries.max")


def test_a_status_alone_promises_no_details() -> None:
    """
    Whose error names nothing is not asked what it names.
    """
    contract = load_contract({"errors": {"failed": {"status": 502}}}, origin="x.toml")

    assert contract.promises("errors.failed")
    assert not contract.promises("errors.failed.details")


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ({"retry": {}}, "contract.retry"),
        ({"retries": {"max": -1, "delays_s": []}}, "contract.retries.max"),
        ({"retries": {"max": "three", "delays_s": []}}, "contract.retries.max"),
        ({"timeout": {}}, "contract.timeout.request_s"),
        ({"errors": {"refused": {"status": 200}}}, "contract.errors.refused.status"),
        ({"errors": {"broken": {"status": 502}}}, "contract.errors.broken"),
        ({"extends": "nginx"}, "contract.extends"),
    ],
)
def test_a_wrong_contract_is_named(raw: dict[str, object], named: str) -> None:
    """
    A mistake is a UsageError that names file and key.
    """
    with pytest.raises(UsageError) as caught:
        load_contract(raw, origin="x.toml")

    assert str(caught.value).startswith("x.toml: ")
    assert named in str(caught.value)
