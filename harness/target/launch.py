"""Starts the proxy under test on a free port, or reaches one that somebody else has started."""

from __future__ import annotations

import http.client
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.clock import Clock, poll_until
from harness.environment import ports
from harness.environment.leaks import listens, run_on
from harness.environment.processes import Owned, start
from harness.environment.rundir import RunDirectory
from harness.errors import HarnessError
from harness.target import elsewhere, placeholders, speed
from harness.target.files import TargetFile
from harness.target.running import LOOPBACK, RunningTarget

__all__ = ["RunningTarget", "launch", "reach", "serve", "spawn"]

START_S = 60.0  # a framework that compiles at its first request may take that long; ours takes 0.5 s
ANSWER_S = 5.0


@dataclass(frozen=True)
class _Orders:
    """All that a start needs beside its port; ``settings`` in target seconds."""

    file: TargetFile
    upstream: str
    run: RunDirectory
    clock: Clock
    settings: Mapping[str, object]
    extra_env: Mapping[str, str]

    def with_more(self, settings: Mapping[str, object], extra_env: Mapping[str, str]) -> _Orders:
        return replace(self, settings={**self.settings, **settings}, extra_env={**self.extra_env, **extra_env})


def launch(
    target: TargetFile,
    *,
    upstream: str,
    run: RunDirectory,
    clock: Clock,
    settings: Mapping[str, object] | None = None,
    extra_env: Mapping[str, str] | None = None,
) -> RunningTarget:
    """Start ``target`` in front of ``upstream`` (a URL) and wait until it answers.

    ``settings`` are in target seconds, counts, bytes and texts (`speed.promised_settings` gives the contract's).
    Any answer to ``ready`` will do, also 503, for the upstream may well be broken on purpose.  Raises HarnessError
    with its last output when it exits or does not answer, NotPromised for a setting that it does not have.
    """
    orders = _Orders(target, upstream, run, clock, settings or {}, extra_env or {})
    port, process = _on_a_free_port(orders)

    def again(more_settings: Mapping[str, object], more_env: Mapping[str, str]) -> Owned:
        nonlocal orders
        orders = orders.with_more(more_settings, more_env)
        return _serving(orders, port)

    return RunningTarget(target, LOOPBACK, port, process, again)


def spawn(
    target: TargetFile,
    *,
    port: int,
    upstream: str,
    run: RunDirectory,
    clock: Clock,
    settings: Mapping[str, object] | None = None,
    extra_env: Mapping[str, str] | None = None,
) -> Owned:
    """Start ``target`` on ``port`` and do not wait: for what it does when it cannot start."""
    return _start(_Orders(target, upstream, run, clock, settings or {}, extra_env or {}), port)


def serve(
    target: TargetFile,
    *,
    port: int,
    upstream: str,
    run: RunDirectory,
    clock: Clock,
    settings: Mapping[str, object] | None = None,
) -> Owned:
    """`launch` on a port of one's own; the process."""
    return _serving(_Orders(target, upstream, run, clock, settings or {}, {}), port)


def reach(target: TargetFile, *, url: str, origin_port: int) -> RunningTarget:
    """A target that somebody else has started at ``url`` and that forwards to 127.0.0.1:``origin_port``.

    UsageError when the address cannot be one, HarnessError when nothing takes a connection there (any more).
    """
    host, port = elsewhere.address(url)
    trouble = elsewhere.why_not_connect(host, port)
    if trouble is not None:
        raise HarnessError(
            f"nothing takes a connection at {url} ({trouble}); "
            f"start the proxy there, forwarding to port {origin_port}"
        )
    return RunningTarget(target, host, port, None)


def _on_a_free_port(orders: _Orders) -> tuple[int, Owned]:
    """Start on one port after the other until nobody was faster."""
    for last in (*[False] * (ports.TRIES - 1), True):
        port = ports.choose()
        process = _start(orders, port)
        try:
            _await_answer(orders, process, port)
        except HarnessError:
            process.stop(0.0)
            if last or not (ports.says_taken(process.output()) and ports.taken(port)):
                raise
        else:
            return port, process
    raise AssertionError("the last try returns or raises")


def _serving(orders: _Orders, port: int) -> Owned:
    """Start on ``port`` and wait until it answers."""
    process = _start(orders, port)
    try:
        _await_answer(orders, process, port)
    except HarnessError:
        process.stop(0.0)
        raise
    return process


def _start(orders: _Orders, port: int) -> Owned:
    """Write the target's files and start its command."""
    target = orders.file
    directory = orders.run.folder(target.name)
    known = placeholders.values(port=port, upstream=orders.upstream, directory=directory, here=target.here)
    for name, text in target.launch.files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(placeholders.fill(text, known), "utf-8")
    env = {name: placeholders.fill(value, known) for name, value in target.launch.env.items()}
    return start(
        [placeholders.fill(word, known) for word in target.launch.command],
        run=orders.run,
        name=target.name,
        env={**env, **speed.environment(target, orders.settings, orders.clock), **orders.extra_env},
        cwd=target.here / Path(placeholders.fill(target.launch.cwd, known)),
        stop_signal=signal.Signals[target.launch.stop_signal],
        remove=directory,
    )


def _await_answer(orders: _Orders, process: Owned, port: int) -> None:
    """Wait until the target answers.  HarnessError, with its last output, when it exits or takes too long."""
    name = orders.file.name
    try:
        poll_until(
            lambda: not process.alive() or _serves(orders, process, port), within_s=START_S, what=f"{name} to answer"
        )
    except HarnessError as exc:
        raise HarnessError(f"{exc}; its last output:\n{process.last_words()}") from exc
    if not process.alive():
        how = f"exited with {process.exit_code()} before it served"
        raise HarnessError(f"{name} {how}; its last output:\n{process.last_words()}")


def _serves(orders: _Orders, process: Owned, port: int) -> bool:
    """Whether the target answers, and not the target of another run that was faster on this port."""
    ready = orders.file.launch.ready
    answers = elsewhere.why_not_connect(LOOPBACK, port) is None if ready is None else _answers(port, ready)
    return answers and (listens(process.pid, port) or run_on(port) in (None, orders.run.id))


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
