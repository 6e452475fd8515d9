"""How promises become settings, and how fast the target lives.

Law: a promise is written in target seconds.  In the mode ``settings`` every duration that the target is given is
divided by the speed, and every duration of its contract is given, so that none keeps the pace of the real clock.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.clock import Clock
from harness.contract.model import Contract
from harness.errors import NotPromised, UsageError
from harness.target.files import DURATIONS, Setting, TargetFile

MS_PER_S = 1000.0


def promised_settings(target: TargetFile, contract: Contract) -> dict[str, object]:
    """The settings that make ``target`` keep ``contract``, as far as its file says how they are set.

    Durations are in target seconds.  UsageError when the target is to be sped up by its settings and a duration of
    its contract is not among them.
    """
    durations = _durations(contract)
    if target.launch.speed == "settings":
        for name in durations:
            if name not in target.settings:
                raise UsageError(
                    f"{target.path}: settings.{name} is missing: the contract promises this duration, and with "
                    'launch.speed = "settings" it must be settable; add it, or write launch.speed = "real"'
                )
    promised = durations | _others(contract)
    return {name: value for name, value in promised.items() if name in target.settings}


def environment(target: TargetFile, settings: Mapping[str, object], clock: Clock) -> dict[str, str]:
    """The environment variables that carry ``settings``.

    A duration is given in target seconds and is divided by the speed of ``clock``, a count or a number of bytes is an
    integer, a text is a string.  Raises NotPromised for a setting that the target does not have.
    """
    return {_setting(target, name).env: _value(target, name, value, clock) for name, value in settings.items()}


def _durations(contract: Contract) -> dict[str, float]:
    """Every duration of the contract, in target seconds, by the name of its setting."""
    timeout, retries, health = contract.timeout, contract.retries, contract.health
    found = {
        "request_timeout": timeout.request_s if timeout else None,
        "connect_timeout": timeout.connect_s if timeout else None,
        "retry_delay": retries.waits_s[0] if retries and retries.waits_s else None,
        "health_timeout": health.timeout_s if health else None,
        "health_ttl": health.ttl_s if health else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _others(contract: Contract) -> dict[str, object]:
    found: dict[str, object] = {
        "max_retries": contract.retries.max if contract.retries else None,
        "allowed_origins": ",".join(contract.cors.allowed) if contract.cors else None,
        "body_buffer": contract.streaming.replay_limit_bytes if contract.streaming else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _setting(target: TargetFile, name: str) -> Setting:
    try:
        return target.settings[name]
    except KeyError:
        raise NotPromised(f"{target.path} has no [settings] {name}, so it cannot be set") from None


def _value(target: TargetFile, name: str, value: object, clock: Clock) -> str:
    unit = target.settings[name].unit
    if unit in DURATIONS and isinstance(value, int | float) and value >= 0:
        return _duration(clock.wall(value), unit)
    if unit in ("count", "bytes") and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if unit == "text" and isinstance(value, str):
        return value
    raise UsageError(f"{target.path}: settings.{name} takes {_takes(unit)}, not {value!r}")


def _duration(wall_s: float, unit: str) -> str:
    """Whole milliseconds, for programs that read an integer; seconds with their fraction.  Never 0 for a time > 0."""
    if unit == "ms":
        return str(max(round(wall_s * MS_PER_S), 1) if wall_s else 0)
    return f"{wall_s:.6f}".rstrip("0").rstrip(".")


def _takes(unit: str) -> str:
    if unit in DURATIONS:
        return "a duration in target seconds"
    return "a text" if unit == "text" else "an integer"
