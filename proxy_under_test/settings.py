"""Settings, under the guide's names, from the environment.  Durations are milliseconds, as the guide's are.

Every setting is checked before anything is started; a bad one is reported by name, with a value that would do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

MS_PER_S = 1000.0
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:]+\])(?::(?P<port>[0-9]{1,5}))?")
_OWN_PORTS = {"http": 80, "https": 443}


class BadSettings(Exception):
    """One or more settings are wrong; the text names each and says what to do, one line per setting."""


def _address(value: str) -> SplitResult:
    """The parts of an http:// or https:// address that can be.  Raises ValueError, which tells no secret of it."""
    if not re.fullmatch(r"[!-~]*", value):
        raise ValueError("has a character that an address cannot have")
    try:
        parts = urlsplit(value)
    except ValueError:  # whose text shows a part of the value
        raise ValueError("has square brackets around what is no IPv6 address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not an http:// or https:// address")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user name or password, which would not be sent")
    if parts.port == 0:  # reading .port raises ValueError where it is not a number below 65536
        raise ValueError("has port 0")
    _name(parts.hostname)
    return parts


def _name(value: str) -> str:
    try:
        value.encode("idna")  # as whoever looks it up does
    except UnicodeError:
        raise ValueError("has a host name with a part that is empty or longer than 63 characters") from None
    return value


def _http_url(value: str) -> str:
    parts = _address(value)
    if parts.query or parts.fragment:
        raise ValueError("must be a plain address without query or fragment")
    return value.rstrip("/")


def _webhook(value: str) -> str:
    _address(value)
    return value


def _origins(value: str) -> str:
    return ",".join(_origin(given.strip()) for given in value.split(",") if given.strip())


def _origin(given: str) -> str:
    """``given`` as a browser writes it in Origin: lower case, without the scheme's own port (RFC 6454 section 6)."""
    found = _ORIGIN.fullmatch(given.lower().rstrip("/"))
    if found is None or int(found["port"] or 0) > 65_535:
        raise ValueError("has a part that is no origin such as http://localhost:3200")
    own = found["port"] is None or int(found["port"]) == _OWN_PORTS[found["scheme"]]
    return f"{found['scheme']}://{found['host']}" + ("" if own else f":{int(found['port'])}")


Ms = Annotated[float, Field(gt=0, le=86_400_000, allow_inf_nan=False)]
MsOrNone = Annotated[float, Field(ge=0, le=86_400_000, allow_inf_nan=False)]
Size = Annotated[int, Field(gt=0)]


class Settings(BaseModel):
    """What the proxy can be told.  The default of each is the guide's, where the guide has one."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    next_public_api_url: Annotated[str, AfterValidator(_http_url)] = "http://localhost:3101"
    host: Annotated[str, AfterValidator(_name)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 3000
    frontend_url: Annotated[str, AfterValidator(_origins)] = "http://localhost:3200"
    node_env: Literal["development", "production", "test"] = "development"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    request_timeout: Ms = 30_000
    connect_timeout: Ms = 5_000
    max_retries: Annotated[int, Field(ge=0, le=100)] = 3
    retry_delay: MsOrNone = 1_000
    retry_jitter: Annotated[float, Field(ge=0, le=1)] = 0.0
    retry_unsent_writes: bool = True
    health_check_timeout: Ms = 3_000
    health_check_ttl: MsOrNone = 5_000

    body_buffer_limit: Annotated[int, Field(ge=0)] = 1_048_576
    body_limit: Size | None = None
    header_limit: Size = 65_536
    header_count_limit: Size = 256
    target_limit: Size = 16_384
    client_header_timeout: Ms = 10_000
    client_keep_alive: Ms = 65_000
    upstream_header_limit: Size = 65_536
    upstream_connections: Size = 1_024
    upstream_idle_connections: Annotated[int, Field(ge=0)] = 128
    upstream_idle_timeout: Ms = 4_000  # Node's servers close after 5 s; leave before they do
    upstream_transport: Literal["httptools", "httpx2"] = "httptools"

    error_webhook_url: Annotated[str, AfterValidator(_webhook)] | None = None
    shutdown_grace: MsOrNone = 10_000

    @property
    def production(self) -> bool:
        """Whether error answers hide stack, address and suggestion."""
        return self.node_env == "production"

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that may send credentials."""
        return tuple(filter(None, self.frontend_url.split(",")))

    def seconds(self, name: str) -> float:
        """The duration setting ``name`` in seconds."""
        return float(getattr(self, name)) / MS_PER_S


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of ``environment``, names in any case; an empty one counts as not set.

    Raises BadSettings that names every bad one.
    """
    # pydantic-settings would read them as well; to import it takes a sixth of the proxy's start.
    given = {name.lower(): value for name, value in environment.items() if value}
    try:
        return Settings.model_validate(given)
    except ValidationError as exc:
        raise BadSettings("\n".join(_line(dict(error)) for error in exc.errors())) from exc


def _line(error: dict[str, Any]) -> str:
    return bad_setting(str(error["loc"][0]), str(error["input"]), str(error["msg"]).removeprefix("Value error, "))


def bad_setting(name: str, given: str, reason: str) -> str:
    """The line that says what is wrong with one setting."""
    default = Settings.model_fields[name].default
    example = f"; for example {name.upper()}={default}" if default is not None else ""
    # What has an "@" may hold a password, whichever setting it was put into; a webhook's address may be one itself.
    shown = "" if "@" in given or name == "error_webhook_url" else f"={given[:200]!r}"
    return f"bad setting {name.upper()}{shown}: {reason}{example}"
