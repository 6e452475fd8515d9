"""What the API refuses, and Toxiproxy 2.12's words for it."""

from __future__ import annotations

from typing import Any

BAD = "bad request body: "
TYPE_ERROR = f"{BAD}json: cannot unmarshal "

# method, path below the proxy ("" is the proxy itself, a leading / the root), body, status, what "error" says
REFUSALS: list[tuple[str, str, Any, int, str]] = [
    ("POST", "/proxies", b"", 400, f"{BAD}EOF"),
    ("POST", "/proxies", b"{", 400, f"{BAD}unexpected EOF"),
    ("POST", "/proxies", b"x", 400, f"{BAD}invalid character 'x' looking for beginning of value"),
    ("POST", "/proxies", b"[]", 400, f"{TYPE_ERROR}array into Go value of type toxiproxy.Proxy"),
    ("POST", "/proxies", {"name": 5}, 400, f"{TYPE_ERROR}number into Go struct field Proxy.name of type string"),
    (
        "POST",
        "/proxies",
        {"enabled": "no"},
        400,
        f"{TYPE_ERROR}string into Go struct field Proxy.enabled of type bool",
    ),
    ("POST", "/proxies", {"upstream": "u"}, 400, "missing required field: name"),
    ("POST", "/proxies", {"name": "n"}, 400, "missing required field: upstream"),
    ("POST", "/proxies", b"null", 400, "missing required field: name"),
    (
        "POST",
        "/proxies",
        {"name": "n", "upstream": "u", "listen": "foo"},
        500,
        "listen tcp: address foo: missing port in address",
    ),
    (
        "POST",
        "/proxies",
        {"name": "n", "upstream": "u", "listen": "127.0.0.1:99999"},
        500,
        "listen tcp: address 99999: invalid port",
    ),
    (
        "POST",
        "/proxies",
        {"name": "n", "upstream": "u", "listen": "192.0.2.1:0"},
        500,
        "listen tcp 192.0.2.1:0: bind: cannot assign requested address",
    ),
    ("GET", "/proxies/none", None, 404, "proxy not found"),
    ("PATCH", "/proxies/none", {}, 404, "proxy not found"),
    ("DELETE", "/proxies/none", None, 404, "proxy not found"),
    ("GET", "/proxies/none/toxics", None, 404, "proxy not found"),
    ("POST", "/proxies/none/toxics", {"type": "noop"}, 404, "proxy not found"),
    ("PATCH", "", b"", 400, f"{BAD}EOF"),
    ("PATCH", "", {"listen": "foo"}, 500, "address foo: missing port in address"),
    ("GET", "toxics/none", None, 404, "toxic not found"),
    ("PATCH", "toxics/none", {}, 404, "toxic not found"),
    ("DELETE", "toxics/none", None, 404, "toxic not found"),
    ("POST", "toxics", b"", 400, f"{BAD}EOF"),
    ("POST", "toxics", {}, 400, "invalid toxic type"),
    ("POST", "toxics", {"type": "nope"}, 400, "invalid toxic type"),
    (
        "POST",
        "toxics",
        {"type": "noop", "stream": "sideways"},
        400,
        "stream was invalid, can be either upstream or downstream",
    ),
    (
        "POST",
        "toxics",
        {"type": "latency", "attributes": {"latency": 1.5}},
        400,
        f"{TYPE_ERROR}number 1.5 into Go struct field LatencyToxic.attributes.latency of type int64",
    ),
    (
        "POST",
        "toxics",
        {"type": "reset_peer", "attributes": {"timeout": "a"}},
        400,
        f"{TYPE_ERROR}string into Go struct field ResetToxic.attributes.timeout of type int64",
    ),
    (
        "POST",
        "toxics",
        b'{"type": "noop", "toxicity": 1e40}',
        400,
        f"{TYPE_ERROR}number 1e40 into Go struct field ToxicWrapper.toxicity of type float32",
    ),
    (
        "POST",
        "toxics",
        b'{"type": "noop", "toxicity": 1e999}',
        400,
        f"{TYPE_ERROR}number 1e999 into Go struct field ToxicWrapper.toxicity of type float32",
    ),
]
