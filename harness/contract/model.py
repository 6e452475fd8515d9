"""The contract of a target: what its document promises, as numbers and names.

A section that is absent is not promised, and the paths that need it are ``n/a``.  Durations are in target
seconds.  The reference contract is `guide.toml` beside this file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import UsageError

GUIDE = Path(__file__).with_name("guide.toml")

ErrorKind = Literal["refused", "timeout", "unavailable", "failed", "overloaded"]

# What happened to a request, as we call it; logs and metrics of a target have words of their own for each.
Happened = Literal["served", "refused", "timeout", "unavailable", "reset", "closed", "cut", "malformed", "left"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Retries(_Section):
    """How often, how long after one another, and for which requests a failed try is repeated."""

    max: int = Field(ge=0)
    delays_s: tuple[float, ...]
    methods: tuple[str, ...] = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
    unsent_writes: bool = False
    key_header: str | None = None
    told_once: str | None = None  # a text in the suggestion of a write that may have been executed

    @property
    def tries(self) -> int:
        """The first try and every retry."""
        return 1 + self.max

    @property
    def waits_s(self) -> tuple[float, ...]:
        """The wait before each retry; the last delay repeats when there are more retries than delays."""
        last = self.delays_s[-1] if self.delays_s else 0.0
        return tuple(self.delays_s[i] if i < len(self.delays_s) else last for i in range(self.max))


class Timeout(_Section):
    """How long a client may be kept waiting, and how long a connect may take."""

    request_s: float = Field(gt=0)
    connect_s: float | None = Field(default=None, gt=0)


class Health(_Section):
    """The probe before requests: where, how long it may take, how long its result is kept."""

    path: str = "/health"
    timeout_s: float = Field(gt=0)
    ttl_s: float = Field(ge=0)
    bypass: bool = False
    backoff: bool = False


class ErrorPromise(_Section):
    """The answer to one class of failure: status, ``error`` title, code, and the details that must be there."""

    status: int = Field(ge=400, le=599)
    error: str | None = None
    code: str | None = None
    details: tuple[str, ...] = ()

    def told(self, status: int | None, body: str) -> bool:
        """Whether an answer of this status with this body seems to be this error: by its title, where it has one."""
        return status == self.status and (self.error or "") in body


class Cors(_Section):
    """Which origins may send credentials."""

    credentials: bool = True
    allowed: tuple[str, ...] = ()


class Production(_Section):
    """What production hides, and the guide's production numbers."""

    hidden: tuple[str, ...] = ()
    max_retries: int | None = None
    request_timeout_s: float | None = None


class Identity(_Section):
    """What the proxy says of itself and of the request in headers, and what it lets a request say."""

    request_id: str | None = None
    proxy_status: bool = False
    via: bool = False
    max_forwards: bool = False
    forwarded_for: bool = False
    upstream_host: bool = False  # Host upstream is the configured upstream's, never the client's
    known_methods: bool = False  # TRACE and methods that nobody has defined are refused
    one_spelling: bool = False  # of a header and its twin ("_" for "-", a repeated Authorization) one goes upstream


class Streaming(_Section):
    """Bounds on what is held in memory."""

    replay_limit_bytes: int | None = None
    growth_limit_mib: float | None = None


class Limit(_Section):
    """One bound of the front door: ``most`` bytes, fields or seconds (None: only where it is set), and the answer."""

    most: float | None = Field(default=None, gt=0)
    status: int = Field(ge=400, le=599)


class Limits(_Section):
    """What the front door takes of one client, and how many clients that only wait."""

    target: Limit | None = None
    header: Limit | None = None
    fields: Limit | None = None
    body: Limit | None = None
    head: Limit | None = None
    idle_clients: int | None = Field(default=None, gt=0)


class Overload(_Section):
    """What happens to more requests than the upstream takes, and how soon it is over once the upstream is well."""

    connections: int = Field(gt=0)
    refused_within_s: float = Field(gt=0)
    healed_within_s: float = Field(gt=0)
    served_share: float = Field(gt=0, le=1)


class Gauges(_Section):
    """Where the proxy tells what it holds (Prometheus' text format at ``path``), and under which names."""

    path: str
    tasks: str | None = None
    clients: str | None = None
    upstream: str | None = None
    descriptors: str | None = None


class LogLine(_Section):
    """One kind of line: the fields that tell it from the others, and where the fields we ask for are.

    ``fields`` maps our names to the target's; a dot goes into an object ("http.status").
    """

    where: dict[str, str]
    fields: dict[str, str]


class Logging(_Section):
    """The lines a target writes, each one JSON object: at a request's start and end, at each retry, and where a body
    may have been cut without anybody being able to see it."""

    start: LogLine | None = None
    end: LogLine | None = None
    retry: LogLine | None = None
    unverified: LogLine | None = None
    longest_line: int | None = Field(default=None, gt=0)  # bytes


class Sink(_Section):
    """Errors also go to an external service: JSON objects by POST, to the URL in the setting ``error_sink``."""

    fields: dict[str, str]


class Series(_Section):
    """A metric, and the label that tells its series apart."""

    name: str
    label: str | None = None


class HealthSeries(Series):
    """The metric of the backend's health: which values of its label are 1 while it is well, and while it is not."""

    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()


class Metrics(_Section):
    """What Prometheus may scrape at ``path`` of the proxy's own address, and the alert rules that come with it.

    ``rules`` is a file below the repository or target's folder; ``alert`` the rule that tells connection failures.
    """

    path: str = "/metrics"
    requests: Series | None = None
    retries: Series | None = None
    failures: Series | None = None
    health: HealthSeries | None = None
    duration: Series | None = None
    series_limit: int | None = Field(default=None, gt=0)
    rules: str | None = None
    alert: str | None = None


class ProcessPromise(_Section):
    """How the program behaves when it starts, when it cannot, when it is to end, and after a long day."""

    banner: bool = False  # its output names its own port and the upstream's address
    port_in_use_within_s: float | None = None
    bad_setting_exit: int | None = None
    stop_grace_s: float | None = None
    stop_exit: int | None = None
    growth_percent: float | None = None


class Contract(_Section):
    """Every promise of a target; ``None`` and absent keys are promises it does not make."""

    retries: Retries | None = None
    timeout: Timeout | None = None
    health: Health | None = None
    errors: dict[ErrorKind, ErrorPromise] = Field(default_factory=dict)
    cors: Cors | None = None
    production: Production | None = None
    identity: Identity | None = None
    streaming: Streaming | None = None
    limits: Limits | None = None
    overload: Overload | None = None
    gauges: Gauges | None = None
    process: ProcessPromise | None = None
    logging: Logging | None = None
    sink: Sink | None = None
    metrics: Metrics | None = None
    words: dict[Happened, tuple[str, ...]] = Field(default_factory=dict)

    def promises(self, need: str) -> bool:
        """Whether the dotted ``need`` ("errors.refused", "identity.via") is promised."""
        value: Any = self
        for part in need.split("."):
            value = value.get(part) if isinstance(value, dict) else getattr(value, part, None)
            if value is None or value is False or value == ():
                return False
        return True


def load_contract(raw: Mapping[str, Any], *, origin: str) -> Contract:
    """The contract of a target file's ``[contract]`` table; ``extends = "guide"`` starts from the guide's.

    ``origin`` names the file for the message.  Raises UsageError that names file and key.
    """
    table = dict(raw)
    extends = table.pop("extends", None)
    if extends not in (None, "guide"):
        raise UsageError(f'{origin}: contract.extends is {extends!r}; write "guide" or leave it out')
    merged = _merge(tomllib.loads(GUIDE.read_text("utf-8")), table) if extends else table
    try:
        return Contract.model_validate(merged)
    except ValidationError as exc:
        first = exc.errors()[0]
        key = ".".join(str(part) for part in ("contract", *first["loc"]))
        raise UsageError(f"{origin}: {key}: {first['msg']}; see docs/contract.md for what may stand there") from exc


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` on top of ``under``, table by table; ``false`` takes a promise out."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if value is False and isinstance(below, Mapping):
            del merged[key]
        elif isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = _merge(below, value)
        else:
            merged[key] = value
    return merged
