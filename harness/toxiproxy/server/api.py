"""Toxiproxy's routes: from a request to an answer, as values."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from posixpath import normpath
from urllib.parse import parse_qs, quote, unquote_to_bytes

from harness.toxiproxy.server import applied, metrics
from harness.toxiproxy.server.body import dump
from harness.toxiproxy.server.collection import Collection, Populated
from harness.toxiproxy.server.errors import ApiError
from harness.toxiproxy.server.proxy import settle

VERSION = "2.12.0"  # whose behaviour this is
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """One request of a client; ``path`` is as it was sent."""

    method: str
    path: str
    query: str = ""
    user_agent: str = ""
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes = b""
    type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[["Api", Request, list[str]], Awaitable[Answer]]


def refusal(error: ApiError) -> Answer:
    """An error as Toxiproxy sends it: JSON, but labelled as text by Go's http.Error."""
    return _plain(error.status, dump({"error": error.message, "status": error.status}).decode())


def _plain(status: int, text: str) -> Answer:
    return Answer(status, text.encode() + b"\n", TEXT, {"X-Content-Type-Options": "nosniff"})


def _json(value: object, status: int = 200) -> Answer:
    return Answer(status, dump(value), JSON)


class Api:
    """Answers requests about one collection of proxies."""

    def __init__(self, collection: Collection) -> None:
        self.proxies = collection

    async def answer(self, request: Request) -> Answer:
        """Never raises: what goes wrong is an answer too."""
        path = unquote_to_bytes(request.path).decode("utf-8", "replace")
        clean = _clean(path)
        if clean != path:
            query = f"?{request.query}" if request.query else ""
            return Answer(301, headers={"Location": quote(clean) + query})
        handlers, names = _route(path)
        if handlers is None:
            return _plain(404, "404 page not found")
        handler = handlers.get(request.method) or handlers.get("*")
        if handler is None:
            return Answer(405)
        if request.user_agent.startswith("Mozilla/"):  # a web page must not reach us through its reader's browser
            return _plain(403, "User agent not allowed")
        try:
            return await handler(self, request, names)
        except ApiError as error:
            return refusal(error)
        except Exception as error:  # noqa: BLE001  the client must hear of a defect of ours, whatever it is
            return refusal(ApiError(f"internal error: {error!r}", 500))

    # proxies

    async def _index(self, _request: Request, _names: list[str]) -> Answer:
        return _json({name: proxy.as_json() for name, proxy in self.proxies.all().items()})

    async def _create(self, request: Request, _names: list[str]) -> Answer:
        return _json((await self.proxies.create(request.body)).as_json(), 201)

    async def _show(self, _request: Request, names: list[str]) -> Answer:
        return _json(self.proxies.get(names[0]).as_json())

    async def _update(self, request: Request, names: list[str]) -> Answer:
        proxy = await self.proxies.update(names[0], request.body)
        await settle()
        return _json(proxy.as_json())

    async def _delete(self, _request: Request, names: list[str]) -> Answer:
        self.proxies.remove(names[0])
        await settle()
        return Answer(204)

    async def _populate(self, request: Request, _names: list[str]) -> Answer:
        status, outcome = 201, {}
        try:
            done = await self.proxies.populate(request.body)
        except Populated as half:
            status, done = half.error.status, half.done
            outcome = {"error": half.error.message, "status": status}
        except ApiError as error:
            status, done = error.status, []
            outcome = {"error": error.message, "status": status}
        await settle()
        return _json({**outcome, "proxies": [proxy.as_json() for proxy in done] or None}, status)

    async def _reset(self, _request: Request, _names: list[str]) -> Answer:
        await self.proxies.reset()
        return Answer(204)

    # toxics

    async def _toxics(self, _request: Request, names: list[str]) -> Answer:
        return _json([applied.as_json(toxic) for toxic in self.proxies.get(names[0]).toxics()])

    async def _add_toxic(self, request: Request, names: list[str]) -> Answer:
        return _json(applied.as_json(self.proxies.get(names[0]).add_toxic(request.body)))

    async def _show_toxic(self, _request: Request, names: list[str]) -> Answer:
        return _json(applied.as_json(self.proxies.get(names[0]).toxic(names[1])))

    async def _update_toxic(self, request: Request, names: list[str]) -> Answer:
        return _json(applied.as_json(self.proxies.get(names[0]).update_toxic(names[1], request.body)))

    async def _remove_toxic(self, _request: Request, names: list[str]) -> Answer:
        self.proxies.get(names[0]).remove_toxic(names[1])
        await settle()
        return Answer(204)

    # the rest

    async def _version(self, _request: Request, _names: list[str]) -> Answer:
        return Answer(200, f'{{"version": "{VERSION}"}}\n'.encode(), "application/json;charset=utf-8")

    async def _metrics(self, _request: Request, _names: list[str]) -> Answer:
        return Answer(200, self.proxies.counters.text().encode(), metrics.CONTENT_TYPE)

    async def _connections(self, request: Request, names: list[str]) -> Answer:
        """Our extension: the report of each connection; ``?since=`` leaves out what was closed before that moment."""
        proxy = self.proxies.get(names[0])
        return _json(proxy.report.as_json(_moment(request.query)))


ROUTES: Mapping[tuple[str, ...], Mapping[str, Handler]] = {
    ("reset",): {"POST": Api._reset},
    ("populate",): {"POST": Api._populate},
    ("version",): {"GET": Api._version},
    ("metrics",): {"*": Api._metrics},
    ("proxies",): {"GET": Api._index, "POST": Api._create},
    ("proxies", "*"): {"GET": Api._show, "POST": Api._update, "PATCH": Api._update, "DELETE": Api._delete},
    ("proxies", "*", "connections"): {"GET": Api._connections},
    ("proxies", "*", "toxics"): {"GET": Api._toxics, "POST": Api._add_toxic},
    ("proxies", "*", "toxics", "*"): {
        "GET": Api._show_toxic,
        "POST": Api._update_toxic,
        "PATCH": Api._update_toxic,
        "DELETE": Api._remove_toxic,
    },
}


def _route(path: str) -> tuple[Mapping[str, Handler] | None, list[str]]:
    """The methods of a path, and the names in it."""
    parts = path.split("/")[1:]
    pattern = tuple("*" if place % 2 and parts[0] == "proxies" else part for place, part in enumerate(parts))
    pattern = pattern if all(parts) else ()
    if len(parts) == 3:
        pattern = (pattern[0], "*", parts[2]) if pattern else ()
    return ROUTES.get(pattern), parts[1::2]


def _clean(path: str) -> str:
    """The path without empty, ``.`` and ``..`` parts; a slash at its end stays."""
    if not path.startswith("/"):
        return "/" + path
    clean = normpath(path)
    if clean.startswith("//"):
        clean = clean[1:]
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def _moment(query: str) -> float:
    given = parse_qs(query).get("since", ["-inf"])[-1]
    try:
        moment = float(given)
    except ValueError:
        moment = math.nan
    if math.isnan(moment):
        raise ApiError(f"since is not a number of seconds: {given}", 400)
    return moment
