"""Drives any Toxiproxy server, ours or the real one, through toxiproxy-python; no other file imports that package.

Law: a change that the server did not confirm did not happen.  Every answer other than 2xx is a HarnessError with
method, URL and body, every change is read back, and every call ends within 5 s.

Why toxiproxy-python is used by its consumer class and not by its objects: they share one host and port per process,
have no timeouts, obey HTTP_PROXY, and return None or False when the server answers 500 or 503.  A subclass of the
consumer per server has an address of its own, and its verbs take a timeout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from toxiproxy import Proxy
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists
from toxiproxy.toxic import Toxic

from harness.errors import EnvironmentUnavailable, HarnessError
from harness.toxiproxy.witness import ByteCounts, Connected

TIMEOUT_S = 5.0
NO_HTTP_PROXY = {"no_proxy": "*"}  # whatever the environment says
EMBEDDED_SERVER = "errorpath-toxiproxy"  # the Server header of harness.toxiproxy.server
FLOAT32_ERROR = 1e-6  # Toxiproxy keeps toxicity in single precision
REFUSALS = (InvalidToxic, NotFound, ProxyExists)


class Absent(HarnessError):
    """The server has no such proxy or toxic."""


class LinkServer:
    """A Toxiproxy server at ``endpoint`` (``HOST:PORT``).

    ``kind`` is ``embedded`` for ours and ``toxiproxy`` for the real one, ``version`` what it says it is.
    ``tap`` is the API of an embedded server: a link of it, that changes nothing, then stands behind each link made
    here and reports the connections that the real Toxiproxy does not report.
    Raises EnvironmentUnavailable if it does not answer as a Toxiproxy server.
    """

    def __init__(self, endpoint: str, tap: str | None = None) -> None:
        self.endpoint = endpoint.removeprefix("http://").rstrip("/")
        address = urlsplit(f"//{self.endpoint}")
        host = f"[{address.hostname}]" if ":" in (address.hostname or "") else address.hostname
        # of its own, because the class it derives from keeps one address for the whole process
        self._consumer = type("Consumer", (APIConsumer,), {"host": host, "port": address.port})
        try:
            answer = self._call("get", "/version")
            self.version = str(answer.json()["version"])
        except (HarnessError, ValueError, KeyError, TypeError) as error:
            raise EnvironmentUnavailable(f"no Toxiproxy server answers at {self.endpoint}: {error}") from error
        self.kind = "embedded" if answer.headers.get("Server") == EMBEDDED_SERVER else "toxiproxy"
        self._tap = LinkServer(tap) if tap and self.kind != "embedded" else None

    def create(self, name: str, upstream: str, listen: str = "127.0.0.1:0") -> Link:
        """A new link to ``upstream`` (``host:port``); with port 0 the server chooses one.  Raises HarnessError."""
        if not name or "/" in name:
            raise HarnessError(f"a link's name cannot be empty or have a slash in it: {name!r}")
        if self._tap is None:
            return self._create(name, upstream, listen)
        tap = self._tap.create(name, upstream)
        try:
            link = self._create(name, "{}:{}".format(*tap.listen), listen)
        except BaseException:
            tap.remove()
            raise
        link.tap = tap
        return link

    def _create(self, name: str, upstream: str, listen: str) -> Link:
        self._call("post", "/proxies", json={"name": name, "upstream": upstream, "listen": listen})
        link = Link(self, name)
        state = link.state()
        if not state.enabled or state.upstream != upstream:
            raise HarnessError(f"link {name!r} was created and reads back as {state}")
        return link

    def link(self, name: str) -> Link:
        """One that exists already.  Raises Absent."""
        link = Link(self, name)
        link.state()
        return link

    def names(self) -> list[str]:
        """Of all links."""
        return sorted(self._call("get", "/proxies").json())

    def reset(self) -> None:
        """Enable every link and take every toxic away.  Raises HarnessError if one is left."""
        self._call("post", "/reset")
        for name, given in self._call("get", "/proxies").json().items():
            if given["toxics"] or not given["enabled"]:
                raise HarnessError(f"after a reset link {name!r} is still {given}")

    def metrics_bytes(self, name: str) -> ByteCounts:
        """The byte counters of a link.  Raises HarnessError where the server does not count."""
        try:
            text = self._call("get", "/metrics").text
        except Absent as error:
            raise HarnessError(
                f"the Toxiproxy server at {self.endpoint} counts no bytes: start it with -proxy-metrics"
            ) from error
        return ByteCounts.read(text, name)

    def _call(self, verb: str, path: str, **more: Any) -> requests.Response:
        """One request.  Raises Absent for 404, HarnessError for anything else but success."""
        what = f"{verb.upper()} http://{self.endpoint}{path}"
        # without an auth of our own, requests would look into ~/.netrc
        call = partial(getattr(self._consumer, verb), timeout=TIMEOUT_S, proxies=NO_HTTP_PROXY, auth=_no_auth)
        try:
            answer: requests.Response = call(path, **more)
        except NotFound as error:
            raise Absent(f"{what}: 404 {_said(error)}") from error
        except REFUSALS as error:
            raise HarnessError(f"{what}: {type(error).__name__} {_said(error)}") from error
        except requests.RequestException as error:
            raise HarnessError(f"{what}: {error}") from error
        if not HTTPStatus.OK <= answer.status_code < HTTPStatus.MULTIPLE_CHOICES or answer.history:
            raise HarnessError(f"{what}: {answer.status_code} {answer.text.strip()}")
        return answer


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _said(error: Exception) -> str:
    """The body of a refused request, which toxiproxy-python puts into its exceptions as bytes."""
    body = error.args[0] if error.args else b""
    return body.decode("utf-8", "replace").strip() if isinstance(body, bytes) else str(body)


@dataclass(frozen=True)
class LinkState:
    """A link as the server has it."""

    listen: str
    upstream: str
    enabled: bool
    toxics: tuple[str, ...]


class Link:
    """One TCP hop.  Made by `LinkServer.create`.

    ``tap`` is the link of ours behind it, where there is one.  ``question`` is what makes the upstream answer; a
    canary sends it.
    """

    def __init__(self, server: LinkServer, name: str) -> None:
        self.server = server
        self.name = name
        self._path = f"/proxies/{quote(name, safe='')}"
        self._removed = False
        self._listen: tuple[str, int] | None = None
        self.tap: Link | None = None
        self.question = b""

    def state(self) -> LinkState:
        """Read from the server.  Raises Absent if the link is gone, HarnessError if it cannot be read."""
        given = self._read(self._path)
        proxy = Proxy(**given)
        return LinkState(proxy.listen, proxy.upstream, proxy.enabled, tuple(t["name"] for t in given["toxics"]))

    @property
    def listen(self) -> tuple[str, int]:
        """Host and port that clients connect to; they stay the same, also while the link is disabled."""
        if self._listen is None:
            host, _, port = self.state().listen.rpartition(":")
            self._listen = host.strip("[]"), int(port)
        return self._listen

    @property
    def passes_resets(self) -> bool:
        """Whether a connection that one side resets is reset on the other, too; Toxiproxy 2.12 closes it in order."""
        return self.server.kind == "embedded"

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """Connects are refused and open connections are closed inside the block; afterwards as before."""
        before = self.state()
        with _healing(partial(self._leave_disabled, before)):
            self._enable(False)
            yield

    @contextmanager
    def toxic(
        self, type: str, stream: str = "downstream", toxicity: float = 1.0, name: str | None = None, **attributes: int
    ) -> Iterator[str]:
        """A toxic inside the block, gone afterwards; gives its name.

        ``attributes`` are Toxiproxy's (ms, KB/s, bytes, µs).  Raises HarnessError if the link is disabled (the server
        would take the toxic, and it would do nothing), if the server does not confirm it as asked, and at the end of
        the block if somebody else removed or changed it.
        """
        if not self.state().enabled:
            raise HarnessError(f"link {self.name!r} is disabled: a {type} toxic on it would do nothing")
        wanted = _Wanted(name or f"{type}_{stream}", type, stream, toxicity, attributes)
        self.server._call("post", f"{self._path}/toxics", json=wanted.as_json())
        with _healing(partial(self._leave_toxic, wanted)):
            wanted.compare(self._read(self._toxic_path(wanted.name)))
            yield wanted.name

    def point_at(self, upstream: str) -> None:
        """Lead to another ``host:port``; open connections are closed, the listen address stays."""
        if self.tap is not None:
            self.tap.point_at(upstream)
            return
        before = self.state()
        self._update(upstream=upstream)
        after = self.state()
        if (after.upstream, after.listen, after.enabled) != (upstream, before.listen, before.enabled):
            raise HarnessError(f"link {self.name!r} was to lead to {upstream} and reads back as {after}")

    def connections(self, since: float | None = None) -> list[Connected] | None:
        """Every connection, in order of accepting; with ``since`` (monotonic seconds) only those open after it.

        None if the server is the real Toxiproxy, which does not report them.
        """
        if self.server.kind != "embedded":
            return None
        query = "" if since is None else f"?since={since!r}"
        return [Connected.read(given) for given in self._read(f"{self._path}/connections{query}")["connections"]]

    def evidence(self, since: float | None = None) -> list[Connected] | ByteCounts:
        """The best witness the server offers: its connections, or else its byte counters."""
        seen = self.connections(since)
        return self.server.metrics_bytes(self.name) if seen is None else seen

    def remove(self) -> None:
        """Take the link away.  A second time does nothing; raises HarnessError if somebody else did it."""
        if self.tap is not None:
            self.tap.remove()
        if not self._removed:
            self.server._call("delete", self._path)
            self._removed = True

    # inside

    def _read(self, path: str) -> Any:
        answer = self.server._call("get", path)
        try:
            return answer.json()
        except ValueError as error:
            raise HarnessError(f"GET http://{self.server.endpoint}{path}: not JSON: {answer.text!r}") from error

    def _update(self, **changes: Any) -> None:
        # POST: what every version has.  PATCH came with 2.6 and toxiproxy-python does not speak it.
        self.server._call("post", self._path, json=changes)

    def _enable(self, wanted: bool) -> None:
        self._update(enabled=wanted)
        after = self.state()
        if after.enabled is not wanted:
            raise HarnessError(f"link {self.name!r} was to be {_word(wanted)} and is {_word(after.enabled)}")

    def _leave_disabled(self, before: LinkState) -> None:
        found = self.state()
        if before.enabled:
            self._enable(True)
        if found.enabled:
            raise HarnessError(f"somebody enabled link {self.name!r} while it was to be disabled")

    def _leave_toxic(self, wanted: _Wanted) -> None:
        path = self._toxic_path(wanted.name)
        try:
            found = self._read(path)
            self.server._call("delete", path)
        except Absent as error:
            raise HarnessError(f"somebody removed toxic {wanted.name!r} of link {self.name!r} too early") from error
        if wanted.name in self.state().toxics:
            raise HarnessError(f"toxic {wanted.name!r} of link {self.name!r} was removed and is still there")
        wanted.compare(found)

    def _toxic_path(self, name: str) -> str:
        return f"{self._path}/toxics/{quote(name, safe='')}"


@dataclass(frozen=True)
class _Wanted:
    """A toxic as it was asked for."""

    name: str
    type: str
    stream: str
    toxicity: float
    attributes: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "attributes": dict(self.attributes)}

    def compare(self, given: Mapping[str, Any]) -> None:
        """Raises HarnessError if ``given``, read back, is not what was asked for."""
        found = Toxic(**given)
        same = (found.name, found.type, found.stream) == (self.name, self.type, self.stream)
        same = same and abs(found.toxicity - self.toxicity) < FLOAT32_ERROR
        if not same or any(found.attributes.get(key) != value for key, value in self.attributes.items()):
            raise HarnessError(f"asked for toxic {self.as_json()}, and it reads back as {dict(given)}")


@contextmanager
def _healing(heal: Any) -> Iterator[None]:
    """Heal at the end of the block; an error of the block itself is never hidden by one of healing."""
    try:
        yield
    except BaseException as error:
        try:
            heal()
        except HarnessError as another:
            error.add_note(f"and healing failed: {another}")
        raise
    heal()


def _word(enabled: bool) -> str:
    return "enabled" if enabled else "disabled"
