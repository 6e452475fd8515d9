"""What a user may choose of a run; the command line and pytest offer the same.

Nothing is started here: a bad choice raises UsageError that names it and says what to do.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.contract.catalogue import BY_ID, CATALOGUE
from harness.errors import UsageError
from harness.spelling import similar
from harness.target import elsewhere

ENVIRONMENTS = ("embedded", "containers")
TOXIPROXIES = ("embedded", "binary", "container")
RUNNING_AT = re.compile(r"(?P<host>[\w.-]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")  # a Toxiproxy that is there already
AUTO_SPEED = 20.0  # a 30 s promise in 1.5 s: the retry waits are still 50 ms, well above a machine's jitter


@dataclass(frozen=True)
class Choices:
    """The choices of a run, as given; ``out`` is None for the default folder."""

    target: str = "reference"
    url: str | None = None
    origin_port: int | None = None
    env: str = "embedded"
    toxiproxy: str = "embedded"
    only: tuple[str, ...] = ()
    speed: str = "auto"
    seed: int = 1
    out: str | None = None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Choices:
        """The inverse of `to_json`; for handing a run's choices to its workers."""
        return cls(**{**raw, "only": tuple(raw["only"])})

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def check(self) -> None:
        """Raise UsageError for a choice that does not exist."""
        if self.env not in ENVIRONMENTS:
            raise UsageError(
                f"--env {self.env}: there is no such environment; choose one of {', '.join(ENVIRONMENTS)}"
            )
        if self.toxiproxy not in TOXIPROXIES and not _is_address(self.toxiproxy):
            raise UsageError(
                f"--toxiproxy {self.toxiproxy}: choose one of {', '.join(TOXIPROXIES)}, "
                "or give the HOST:PORT of a Toxiproxy server that runs"
            )
        if (self.url is None) != (self.origin_port is None):
            raise UsageError("--url and --origin-port belong together: the proxy at --url forwards to 127.0.0.1:PORT")
        if self.url is not None and self.origin_port is not None:
            elsewhere.address(self.url)
            elsewhere.check_port("--origin-port", self.origin_port)
        for path in self.only:
            if path not in BY_ID:
                raise UsageError(
                    f"--only {path}: there is no such error path{similar(path, BY_ID)}; `errorpath paths` lists them"
                )
        self.speed_given()

    def check_workers(self, count: int) -> None:
        """Raise UsageError for more workers than the target has upstreams to be broken."""
        if self.url is not None and count > 1:
            raise UsageError("--url: one proxy that runs already is checked by one worker; use -n 0")

    def speed_given(self) -> float | None:
        """The speed asked for; None for ``auto``."""
        if self.speed == "auto":
            return None
        if self.speed == "real":
            return 1.0
        try:
            speed = float(self.speed)
        except ValueError:
            speed = 0.0
        if not 1 <= speed <= 100:
            raise UsageError(f"--speed {self.speed}: write a number from 1 to 100, auto or real")
        return speed


def _is_address(text: str) -> bool:
    found = RUNNING_AT.fullmatch(text)
    return found is not None and 0 < int(found["port"]) <= elsewhere.LAST_PORT


def paths_in(texts: Sequence[str] | None) -> tuple[str, ...]:
    """The ids in the texts of every ``--only``, where a family stands for all of its own; none where none was given.

    UsageError for texts without one: they must not mean all of them.
    """
    if texts is None:
        return ()
    text = ",".join(texts)
    words = [word.strip() for word in text.split(",") if word.strip()]
    ids = tuple(dict.fromkeys(path for word in words for path in _family(word) or [word]))
    if not ids:
        raise UsageError(f"--only {text!r}: names no error path; `errorpath paths` lists them")
    return ids


def _family(word: str) -> list[str]:
    return [row.id for row in CATALOGUE if row.family == word]


def output_folder(choices: Choices, target_name: str, results: Sequence[str]) -> Path:
    """The folder of a run's results: that of ``--out``, else a new ``reports/<time>-<target>/`` here.

    An earlier run's ``results`` in it go now, for they must not be taken for those of a run that leaves none: nothing
    that ends with exit code 2 may come after this.  Raises UsageError when it cannot be written to.
    """
    if choices.out:
        return _without(writable(Path(choices.out)), results)
    reports = writable(Path("reports"))
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for again in itertools.count(1):
        folder = reports / f"{stamp}-{target_name}{'' if again == 1 else f'-{again}'}"
        with contextlib.suppress(FileExistsError):  # another run began in this very second
            folder.mkdir()
            return folder
    raise AssertionError("there is always another number")


def _without(folder: Path, results: Sequence[str]) -> Path:
    for name in results:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as exc:
            raise UsageError(
                f"--out {folder}: {name} is in the way ({exc.strerror}); remove it, or name another folder"
            ) from exc
    return folder


def writable(folder: Path) -> Path:
    """``folder``, made if need be.  Raises UsageError when it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as exc:
        raise UsageError(
            f"--out {folder}: cannot write there ({exc.strerror}); name a folder that can be written"
        ) from exc


def link_latest(folder: Path) -> None:
    """Let ``reports/latest`` lead to ``folder``, from one moment to the next.

    Where that cannot be (a folder has the name, or the disk is full) there is none: a run is not lost for a link.
    """
    fresh = folder.parent / f".latest-{os.getpid()}"
    with contextlib.suppress(OSError):
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(folder.name, target_is_directory=True)
        try:
            fresh.replace(folder.parent / "latest")
        except OSError:
            fresh.unlink()


def add_choices(add_option: Callable[..., object], without: Sequence[str] = ()) -> None:
    """The choices of a run, by ``add_option`` (argparse's or pytest's: both take the same words)."""

    def add(flag: str, **how: object) -> None:
        if flag not in without:
            add_option(flag, **how)

    add("--target", default="reference", help="the proxy to check: a name in targets/ or a TOML file")
    add("--url", default=None, help="check a proxy that is already running there (with --origin-port)")
    add("--origin-port", default=None, type=int, help="the port on 127.0.0.1 that the proxy at --url forwards to")
    add("--env", default="embedded", help="where PostgreSQL and Redis come from: embedded or containers")
    add("--toxiproxy", default="embedded", help="who serves the links: embedded, binary, container or HOST:PORT")
    add("--only", action="append", help="check only these error paths, or families of them: ID[,ID…]")
    add("--speed", default="auto", help="target seconds per second: a number, auto (20 where possible) or real")
    add("--seed", default=1, type=int, help="the seed of everything random")
    add("--out", default=None, help="folder of the results (default: reports/<time>-<target>)")
