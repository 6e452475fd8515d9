"""The API on the wire, asserted once and asked of both servers."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from harness.clock import poll_until
from tests.toxiproxy.refusals import BAD, REFUSALS
from tests.toxiproxy.rig import Api, Wire

DEFAULTS = [
    ("latency", {"latency": 0, "jitter": 0}),
    ("bandwidth", {"rate": 0}),
    ("slow_close", {"delay": 0}),
    ("timeout", {"timeout": 0}),
    ("reset_peer", {"timeout": 0}),
    ("slicer", {"average_size": 0, "size_variation": 0, "delay": 0}),
    ("limit_data", {"bytes": 0}),
    ("noop", {}),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "message"), REFUSALS)
def test_a_refusal_has_toxiproxys_status_and_words(
    wire: Wire, method: str, path: str, body: Any, status: int, message: str
) -> None:
    """Every refusal is JSON with the status and the sentence that Toxiproxy 2.12 gives."""
    whole = path if path.startswith("/") else f"{wire.path}/{path}".rstrip("/")

    answer = wire.api.ask(method, whole, body)

    assert answer == (status, {"error": message, "status": status})


@pytest.mark.parametrize(("type_", "attributes"), DEFAULTS)
def test_a_toxic_has_toxiproxys_defaults(wire: Wire, type_: str, attributes: dict[str, Any]) -> None:
    """A toxic given by its type alone acts downstream, always, under a made-up name, with attributes of zero."""
    expected = {
        "attributes": attributes,
        "name": f"{type_}_downstream",
        "type": type_,
        "stream": "downstream",
        "toxicity": 1,
    }

    answer = wire.api.ask("POST", f"{wire.path}/toxics", {"type": type_})

    assert answer == (200, expected)
    assert wire.api.ask("GET", f"{wire.path}/toxics/{type_}_downstream") == (200, expected)
    assert wire.api.ask("POST", f"{wire.path}/toxics", {"type": type_}) == (
        409,
        {"error": "toxic already exists", "status": 409},
    )


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_an_update_of_a_toxic_changes_what_it_names(wire: Wire, method: str) -> None:
    """Attributes and toxicity that an update does not name stay; a later GET shows the same."""
    toxic = wire.add("latency", latency=9, jitter=3)

    status, changed = wire.api.ask(method, toxic, {"attributes": {"jitter": 7}, "toxicity": 0.3})

    assert (status, changed["attributes"], changed["toxicity"]) == (200, {"latency": 9, "jitter": 7}, 0.3)
    assert wire.api.ok("GET", toxic) == changed


def test_toxics_are_listed_upstream_first_and_in_order(wire: Wire) -> None:
    """The list of toxics, alone and inside the proxy, has the upstream chain before the downstream one."""
    for type_, stream in (("noop", "downstream"), ("latency", "Upstream"), ("slicer", "downstream")):
        wire.add(type_, stream)

    names = [toxic["name"] for toxic in wire.api.ok("GET", f"{wire.path}/toxics")]

    assert names == ["latency_Upstream", "noop_downstream", "slicer_downstream"]
    assert [toxic["name"] for toxic in wire.api.ok("GET", wire.path)["toxics"]] == names


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_an_update_of_a_proxy_keeps_what_it_does_not_name(wire: Wire, method: str) -> None:
    """Disabling keeps the address, and a name in the update is not looked at."""
    before = wire.api.ok("GET", wire.path)

    answer = wire.api.ask(method, wire.path, {"enabled": False, "name": "other"})

    assert answer == (200, {**before, "enabled": False})


def test_a_name_and_an_address_can_be_taken_once(wire: Wire) -> None:
    """A second proxy of the name is 409; one on the same address is 500 with the system's reason, and is not made."""
    listen = f"127.0.0.1:{wire.address[1]}"
    twin = {"name": wire.name, "upstream": "u", "listen": listen}

    assert wire.api.ask("POST", "/proxies", twin) == (409, {"error": "proxy already exists", "status": 409})
    assert wire.api.ask("POST", "/proxies", twin | {"name": wire.name + "-2"}) == (
        500,
        {"error": f"listen tcp {listen}: bind: address already in use", "status": 500},
    )
    assert wire.api.ask("GET", wire.path + "-2")[0] == 404


def test_populate_makes_what_is_missing_and_keeps_what_is_there(wire: Wire) -> None:
    """Populate answers 201 with all its proxies; one that is there unchanged keeps its toxics."""
    wire.add("noop")
    listen = f"127.0.0.1:{wire.address[1]}"
    wanted = [
        {"name": wire.name, "listen": listen, "upstream": wire.upstream.address},
        {"name": wire.name + "-2", "listen": "127.0.0.1:0", "upstream": "u", "enabled": False},
    ]

    status, answer = wire.api.ask("POST", "/populate", wanted)

    assert status == 201
    assert [(p["name"], p["enabled"], len(p["toxics"])) for p in answer["proxies"]] == [
        (wire.name, True, 1),
        (wire.name + "-2", False, 0),
    ]
    assert wire.api.ask("DELETE", wire.path + "-2")[0] == 204


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, f"{BAD}EOF"),
        (b'[{"name": "p"}]', 400, "missing required field: upstream at proxy 1"),
        (b'[{"name": "p", "upstream": "u"}, {"upstream": "u"}]', 400, "missing required field: name at proxy 2"),
        (b"[]", 201, None),
        (b"null", 201, None),
    ],
)
def test_populate_checks_all_before_it_makes_one(api: Api, body: bytes, status: int, error: str | None) -> None:
    """A populate that is wrong anywhere makes nothing, and says where."""
    expected = {"proxies": None} if error is None else {"error": error, "status": status, "proxies": None}

    assert api.ask("POST", "/populate", body) == (status, expected)
    assert api.ask("GET", "/proxies/p")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/nowhere", 404, "404 page not found\n"),
        ("GET", "/proxies/", 404, "404 page not found\n"),
        ("GET", "/proxies/a/b", 404, "404 page not found\n"),
        ("PUT", "/proxies", 405, ""),
        ("GET", "/reset", 405, ""),
        ("DELETE", "/version", 405, ""),
    ],
)
def test_an_unknown_route_is_refused_as_text(api: Api, method: str, path: str, status: int, text: str) -> None:
    """Unknown paths are 404, known ones with the wrong method 405."""
    answer = api.http.request(method, path)

    assert (answer.status_code, answer.text) == (status, text)


def test_browsers_are_refused(api: Api) -> None:
    """A web page cannot drive the server through its reader's browser."""
    answer = api.http.get("/proxies", headers={"User-Agent": "Mozilla/5.0"})

    assert (answer.status_code, answer.text) == (403, "User agent not allowed\n")


def test_answers_carry_toxiproxys_headers(wire: Wire) -> None:
    """Success is labelled JSON; a refusal is labelled text, as Go's http.Error does; 204 has no body."""
    success = wire.api.http.get(wire.path)
    refusal = wire.api.http.get("/proxies/none")
    version = wire.api.http.get("/version")

    assert success.headers["Content-Type"] == "application/json"
    assert refusal.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert refusal.headers["X-Content-Type-Options"] == "nosniff"
    assert refusal.text.endswith("\n")
    assert version.headers["Content-Type"] == "application/json;charset=utf-8"
    assert set(version.json()) == {"version"}


def test_names_of_any_letters_work(api: Api) -> None:
    """A name with spaces, umlauts, quotes and angle brackets is found under its percent-encoded path."""
    name = 'a <b> "ü" & %41'
    api.ok("POST", "/proxies", {"name": name, "upstream": "u", "enabled": False})
    path = "/proxies/a%20%3Cb%3E%20%22%C3%BC%22%20&%20%2541"

    shown = api.http.get(path)

    assert shown.json()["name"] == name
    assert "\\u003cb\\u003e" in shown.text
    assert api.ask("DELETE", path)[0] == 204


def test_metrics_count_the_bytes_of_a_finished_connection(wire: Wire) -> None:
    """After a connection has ended, the Prometheus counters hold its bytes, per direction."""
    client, server = wire.pair()
    client.sendall(b"12345")
    assert server.recv(5) == b"12345"
    server.close()
    assert client.recv(1) == b""
    client.close()

    wanted = f'direction="upstream",listener="127.0.0.1:{wire.address[1]}",proxy="{wire.name}"'
    text = _settled(wire, wanted)

    assert f'toxiproxy_proxy_received_bytes_total{{{wanted},upstream="{wire.upstream.address}"}} 6\n' in text


def _settled(wire: Wire, wanted: str) -> str:
    def counted() -> str | None:
        text = wire.api.http.get("/metrics").text
        return text if f"received_bytes_total{{{wanted}" in text else None

    return poll_until(counted, within_s=5, what="the connection to be counted") or ""


def test_disabling_closes_and_refuses_and_enabling_heals(wire: Wire) -> None:
    """A disabled proxy refuses connects with ECONNREFUSED and has closed what was open; enabled, it serves again."""
    client, server = wire.pair()

    wire.api.ok("PATCH", wire.path, {"enabled": False})

    assert client.recv(1) == b""
    assert server.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(wire.address, timeout=5)
    wire.api.ok("PATCH", wire.path, {"enabled": True})
    wire.pair()


def test_an_upstream_that_refuses_is_an_accepted_and_closed_connection(wire: Wire) -> None:
    """A dead upstream behind an enabled proxy is felt as an empty reply, not as a refused connect."""
    wire.upstream.close()

    client = wire.connect()

    assert client.recv(1) == b""
