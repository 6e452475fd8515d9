"""The target file: how a proxy is started, where its routes are, how its promises are set, what it promises.

Read strictly: an unknown key, a wrong type or, except in ``files``, a placeholder that does not exist is a UsageError
that names file and key.  The ``[contract]`` table is handed on as it is; `harness.contract.model` reads it.
"""

from __future__ import annotations

import signal
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from harness.errors import UsageError
from harness.spelling import similar
from harness.target import placeholders

TARGETS = Path(__file__).resolve().parents[2] / "targets"

Unit = Literal["ms", "s", "count", "bytes", "text"]
DURATIONS: tuple[Unit, ...] = ("ms", "s")
INTEGERS: tuple[Unit, ...] = ("count", "bytes")
TEXTS: tuple[Unit, ...] = ("text",)

# What [settings] may name, and the units it may have there: what a scenario, or the contract, sets.
SETTINGS: dict[str, tuple[Unit, ...]] = {
    "request_timeout": DURATIONS,
    "connect_timeout": DURATIONS,
    "retry_delay": DURATIONS,
    "health_timeout": DURATIONS,
    "health_ttl": DURATIONS,
    "head_timeout": DURATIONS,
    "stop_grace": DURATIONS,
    "max_retries": INTEGERS,
    "upstream_connections": INTEGERS,
    "body_limit": INTEGERS,
    "body_buffer": INTEGERS,
    "environment": TEXTS,
    "allowed_origins": TEXTS,
    "unsent_writes": TEXTS,
    "error_sink": TEXTS,
}


def _route(value: str) -> str:
    if not value.startswith("/") or (value.endswith("/") and value != "/"):
        raise ValueError('must begin with "/" and not end with one, such as "/api/proxy"')
    return value


def _base(value: str) -> str:
    """What stands before a path; "/" is nothing before it."""
    return _route(value).rstrip("/")


def _known(value: str) -> str:
    name = placeholders.unknown(value)
    if name is not None:
        raise ValueError(f"{{{name}}} is no placeholder; there are {', '.join(placeholders.NAMES)}")
    return value


def _below(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("must be a relative path that stays below {dir}")
    return value


def _signal(value: str) -> str:
    if value not in signal.Signals.__members__:
        raise ValueError('is no signal; write its name, such as "SIGTERM"')
    return value


Text = Annotated[str, AfterValidator(_known)]
Route = Annotated[str, AfterValidator(_route)]
Base = Annotated[str, AfterValidator(_base)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Launch(_Table):
    """How the target is started.  It serves once it answers ``ready``, or without one once it takes a connection."""

    command: list[Text] = Field(min_length=1)
    cwd: Text = "{here}"
    env: dict[str, Text] = Field(default_factory=dict)
    files: dict[Annotated[str, AfterValidator(_below)], str] = Field(default_factory=dict)
    ready: Route | None = None
    speed: Literal["settings", "libfaketime", "real"] = "real"
    stop_signal: Annotated[str, AfterValidator(_signal)] = "SIGTERM"

    def texts(self) -> Iterator[str]:
        """Everything in which a placeholder is filled."""
        yield from self.command
        yield self.cwd
        yield from self.env.values()
        yield from self.files.values()


class Routes(_Table):
    """Where the proxied route begins at the proxy (``base``), and what it becomes upstream; "" stands for "/"."""

    base: Base = "/api/proxy"
    upstream_base: Base = "/api"


class Setting(_Table):
    """The environment variable that sets a promise, and its unit."""

    env: str = Field(min_length=1)
    unit: Unit


class TargetFile(_Table):
    """A target, as its file describes it.  ``path`` is the file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    launch: Launch
    routes: Routes = Routes()
    settings: dict[str, Setting] = Field(default_factory=dict)
    contract: dict[str, Any] = Field(default_factory=dict)
    path: Path = Field(exclude=True)

    @property
    def here(self) -> Path:
        """The file's folder, for ``{here}``."""
        return self.path.parent

    @property
    def asked_as(self) -> str:
        """What ``--target`` takes for it in any folder: its name in ``targets/``, else its path."""
        name = self.path.stem
        return name if self.path == TARGETS / f"{name}.toml" else str(self.path)

    def beside(self, name: str) -> Path | None:
        """The file of this name below the target's folder, else below the checkout; None when neither has it."""
        return next((path for folder in (self.here, TARGETS.parent) if (path := folder / name).is_file()), None)

    def unasked(self) -> TargetFile:
        """The same, taken to serve once it accepts connections: for an upstream that cannot answer."""
        return self.model_copy(update={"launch": self.launch.model_copy(update={"ready": None})})


def load_target(name_or_path: str) -> TargetFile:
    """Read a target: the name of one in ``targets/``, else a path.  UsageError when it is missing or wrong."""
    path = _find(name_or_path)
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise UsageError(f"--target {path}: cannot be read: {exc.strerror}; check its permissions") from exc
    except ValueError as exc:
        raise UsageError(f"--target {path}: is not TOML: {exc}; correct it there") from exc
    if "path" in table:
        raise UsageError(f"{path}: path: there is no such key; remove it")
    try:
        target = TargetFile.model_validate({**table, "path": path})
    except ValidationError as exc:
        raise UsageError(_explained(path, exc)) from exc
    _check_launch(target)
    _check_settings(target)
    return target


def names() -> list[str]:
    """The targets that come with the checkout."""
    return sorted(path.stem for path in TARGETS.glob("*.toml"))


def _find(name_or_path: str) -> Path:
    for path in (TARGETS / f"{name_or_path}.toml", Path(name_or_path)):
        try:
            if path.is_file():
                return path.resolve()
        except OSError as exc:  # a folder that we may not look into, a name that is too long
            raise UsageError(f"--target {name_or_path}: cannot be read: {exc.strerror}; name another file") from exc
    raise UsageError(
        f"--target {name_or_path}: there is no such file, and no such target{similar(name_or_path, names())}; "
        f"give the path of a target file, or one of: {', '.join(names()) or '(none)'}"
    )


def _explained(path: Path, exc: ValidationError) -> str:
    first = exc.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if part != "[key]")
    reason = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        reason = "there is no such key; remove it or correct its name"
    elif first["type"] == "missing":
        reason = "is missing; add it"
    return f"{path}: {key}: {reason}"


def _check_launch(target: TargetFile) -> None:
    """Raise UsageError for a target that could not know its port or its upstream, or its speed."""
    used = placeholders.used(target.launch.texts())
    if "port" not in used:
        raise UsageError(f"{target.path}: launch: nothing uses {{port}}, so the target cannot know where to listen")
    if not used.intersection(placeholders.UPSTREAM_NAMES):
        raise UsageError(
            f"{target.path}: launch: nothing uses {{upstream}} (or {{upstream_host}} and {{upstream_port}}), so the "
            "target cannot know where to forward"
        )
    if target.launch.speed == "libfaketime":
        raise UsageError(
            f'{target.path}: launch.speed: "libfaketime" is not available yet; write "settings", where [settings] '
            'names every duration, or "real"'
        )


def _check_settings(target: TargetFile) -> None:
    """Raise UsageError for a setting that nothing sets, or whose unit does not fit."""
    for name, setting in target.settings.items():
        if name not in SETTINGS:
            raise UsageError(
                f"{target.path}: settings.{name}: there is no such setting{similar(name, SETTINGS)}; "
                f"there are {', '.join(SETTINGS)}"
            )
        if setting.unit not in SETTINGS[name]:
            raise UsageError(
                f"{target.path}: settings.{name}: its unit cannot be {setting.unit!r}; "
                f"write {' or '.join(SETTINGS[name])}"
            )
