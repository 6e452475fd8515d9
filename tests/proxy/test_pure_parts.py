"""Targets, headers, errors, CORS and redaction: functions of what came in."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy_under_test import headers, redact
from proxy_under_test.causes import Cause, Refusal
from proxy_under_test.cors import Cors
from proxy_under_test.errors import ANSWERS, Circumstances, ErrorWriter
from proxy_under_test.headers import Identity
from proxy_under_test.target import bypasses_gate, upstream_target

NOW = (b"date", b"Tue, 07 Jul 2026 10:00:00 GMT")
US = Identity(b"origin.test:3101", b"errorpath-proxy-0")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/api/proxy/users", b"/api/users"),
        (b"/api/proxy/", b"/api/"),
        (b"/api/proxy/a%2Fb%20c?x=1&x=%2F", b"/api/a%2Fb%20c?x=1&x=%2F"),
        (b"/api/proxy/x?", b"/api/x?"),
        (b"/api/proxy/x?../../etc", b"/api/x?../../etc"),
        (b"/api/proxy/.well-known/x", b"/api/.well-known/x"),
        (b"/api/proxy/a..b/...", b"/api/a..b/..."),
        (b"/api/proxy//evil.test/x", b"/api//evil.test/x"),
        (b"/api/proxy/http://evil.test/", b"/api/http://evil.test/"),
        (b"/api/proxy/%0d%0aHost:%20x", b"/api/%0d%0aHost:%20x"),
        (b"/api/proxy/%zz%", b"/api/%zz%"),
    ],
)
def test_path_and_query_pass_byte_for_byte(target: bytes, expected: bytes) -> None:
    """Only the base is exchanged."""
    assert upstream_target(target) == expected


@pytest.mark.parametrize(
    "rest",
    [
        b"..", b"../admin", b"a/../../x", b"./x", b"%2e%2e/x", b"%2E%2e%2fx", b"..%2fx", b"..;/x", b"a/..;v=1/b",
        b"\\..\\x", b"%5c..%5cx", b"a\\b", b"%252e%252e/x", b"%25%32%65./x", b"x#y",
        b"..%3f/x", b"a/..%23/x", b"..%00/x", b"%2e%253f/x", b"..%3b%3f/x",
    ],
)  # fmt: skip
def test_what_could_leave_the_api_is_refused(rest: bytes) -> None:
    """Dot segments in any disguise, backslashes and fragments are not repaired, but refused."""
    with pytest.raises(Refusal) as refusal:
        upstream_target(b"/api/proxy/" + rest)

    assert refusal.value.cause is Cause.BAD_REQUEST


@given(rest=st.lists(st.sampled_from([b"..", b".", b"/", b"%2e", b"%2F", b"a", b";", b"%", b"25"])).map(b"".join))
@example(rest=b"%2e%2e%2f")
def test_no_decoding_of_an_accepted_path_leaves_the_api(rest: bytes) -> None:
    """However often a backend decodes, an accepted path has no dot segment."""
    try:
        decoded = upstream_target(b"/api/proxy/" + rest)
    except Refusal:
        return
    for _ in range(3):
        assert not {b"..", b"."} & {segment.partition(b";")[0] for segment in decoded.split(b"/")}
        decoded = unquote_to_bytes(decoded)


def test_exactly_the_health_route_bypasses_the_gate() -> None:
    """No other path looks enough like it."""
    gated = [b"/api/proxy/healthy", b"/api/proxy/x/health", b"/api/proxy/health/", b"/api/proxy/Health"]

    assert [bypasses_gate(target) for target in gated] == [False] * 4
    assert bypasses_gate(b"/api/proxy/health")
    assert bypasses_gate(b"/api/proxy/health?deep=1")


def test_hop_by_hop_fields_end_here_and_the_rest_keeps_order_and_repetition() -> None:
    """RFC 9110 section 7.6.1, with the fields that Connection names."""
    given_ = [
        (b"host", b"proxy.test"), (b"x-a", b"1"), (b"connection", b"close, X-Gone, cookie"), (b"x-gone", b"1"),
        (b"te", b"trailers"), (b"upgrade", b"h2c"), (b"cookie", b"a=1"), (b"x-a", b"2"), (b"x_a", b"3"),
        (b"proxy-authorization", b"s"), (b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-host", b"evil.test"),
    ]  # fmt: skip

    passed = headers.forward_request(given_, dict(given_), US, "127.0.0.1", b"id-1")

    assert passed == [
        (b"host", b"origin.test:3101"),
        (b"x-a", b"1"),
        (b"cookie", b"a=1"),
        (b"x-a", b"2"),
        (b"x-forwarded-for", b"6.6.6.6, 127.0.0.1"),
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-host", b"proxy.test"),
        (b"x-real-ip", b"127.0.0.1"),
        (b"forwarded", b'for=127.0.0.1;host="proxy.test";proto=http'),
        (b"via", b"1.1 errorpath-proxy-0"),
        (b"x-request-id", b"id-1"),
    ]


FORWARDED = {
    "a list": (b'for=192.0.2.1;proto=http, for="[2001:db8::1]:80"', True),
    "empty elements and spaces": (b', for=a ;; by="b\\"c,d" ,', True),
    "an open quotation mark": (b'for=6.6.6.6;by="', False),
    "a mark that a backslash leaves open": (b'for=6.6.6.6;by="x\\"', False),
    "no pair": (b"6.6.6.6", False),
    "spaces without end": (b"a=b" + b" " * 5_000 + b"=", False),
    "separators without end": (b", ;\t" * 5_000 + b'"', False),
}


@pytest.mark.parametrize(("given_", "kept"), FORWARDED.values(), ids=FORWARDED)
def test_forwarded_is_appended_to_only_where_that_leaves_our_element_alone(given_: bytes, kept: bool) -> None:
    """A quotation mark that the client left open would make what we know a part of what it says (RFC 7239)."""
    found = {b"host": b"p", b"forwarded": given_}

    passed = dict(headers.forward_request(list(found.items()), found, US, "127.0.0.1", b"id-1"))

    ours = b'for=127.0.0.1;host="p";proto=http'
    assert passed[b"forwarded"] == (given_ + b", " + ours if kept else ours)


def test_a_request_without_a_host_has_none_to_tell() -> None:
    """HTTP/1.0 knows no Host."""
    passed = dict(headers.forward_request([], {}, US, "127.0.0.1", b"id-1", "1.0"))

    assert passed[b"host"] == US.upstream_host
    assert passed[b"forwarded"] == b"for=127.0.0.1;proto=http"
    assert b"x-forwarded-host" not in passed


def test_a_response_keeps_its_cookies_and_loses_its_cors_and_hops() -> None:
    """Connection cannot strip Set-Cookie; what the upstream says of CORS is not passed on."""
    given_ = [
        (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"connection", b"set-cookie, x-hop"), (b"x-hop", b"1"),
        (b"access-control-allow-origin", b"*"), (b"transfer-encoding", b"chunked"), (b"content-encoding", b"gzip"),
    ]  # fmt: skip

    assert headers.forward_response(given_, b"us", 200, lambda: NOW) == [
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"content-encoding", b"gzip"),
        NOW,
        (b"via", b"1.1 us"),
    ]


def test_a_response_has_one_date_and_a_204_no_length() -> None:
    """RFC 9110 sections 6.6.1 and 8.6: the upstream's date, ours where it has none; a 204 loses its length."""
    dated = [(b"date", b"Mon, 06 Jul 2026 10:00:00 GMT"), (b"content-length", b"0")]

    assert headers.forward_response(dated, b"us", 200, lambda: NOW) == [*dated, (b"via", b"1.1 us")]
    assert headers.forward_response(dated, b"us", 204, lambda: NOW) == [dated[0], (b"via", b"1.1 us")]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_via_names_the_version_that_was_received(version: str) -> None:
    """RFC 9110 section 7.6.3."""
    passed = headers.forward_request([], {}, US, "127.0.0.1", b"id-1", version)

    assert dict(passed)[b"via"] == f"{version} errorpath-proxy-0".encode()


def test_a_sane_request_id_is_kept_and_any_other_replaced() -> None:
    """What could break a log line or a header is not taken over."""
    ids = headers.RequestIds()

    assert ids(b"req-1:a.b_C") == b"req-1:a.b_C"
    assert all(len(ids(bad)) == 32 for bad in (None, b"", b"a b", b"x" * 129, b"a\x1b[2J"))
    assert ids(None) != ids(None)


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_one_well_formed_answer(cause: Cause) -> None:
    """Status, title, code and RFC 9209 type are there for whatever can happen."""
    answer = ANSWERS[cause]

    assert 400 <= answer.status <= 599
    assert answer.title
    assert answer.code.replace("_", "").isalnum()
    assert answer.proxy_error or cause is Cause.CLIENT_GONE


@pytest.mark.parametrize("cause", Cause)
def test_production_hides_stack_address_and_suggestion(cause: Cause) -> None:
    """In production neither body nor headers say where the backend is, and the class of the error stays."""
    writer = ErrorWriter("http://secret-host:3101", production=True, retry_after_s=5)
    answer = ANSWERS[cause]

    body = writer.body(answer, Circumstances(1.0, 2.0, 3, stack="Traceback /secret-host/"))
    error = orjson.loads(body)

    assert error["error"] == answer.title
    assert error["details"].keys() & {"stack", "apiUrl", "suggestion"} == set()
    assert b"secret-host" not in body + b"".join(value for _, value in writer.headers(answer, body))


@given(seconds=st.floats(0, 100))
def test_retry_after_is_whole_seconds_and_at_least_one(seconds: float) -> None:
    """RFC 9110 section 10.2.3: a number of seconds, also when ours are fractions."""
    writer = ErrorWriter("http://x", production=False, retry_after_s=seconds)

    value = dict(writer.headers(ANSWERS[Cause.UNAVAILABLE], b""))[b"retry-after"]

    assert int(value) >= max(1, seconds)


@pytest.mark.parametrize(
    "origin",
    [b"https://good.test.evil", b"http://good.test", b"https://good.test:8443", b"null", b"https://GOOD.test", b"*"],
)
def test_an_origin_that_is_not_configured_gets_no_cors(origin: bytes) -> None:
    """It is neither allowed nor reflected; caches are told that the answer depends on it."""
    cors = Cors(["https://good.test"])

    assert not cors.allows(origin)
    assert cors.headers(origin) == [(b"vary", b"Origin")]


def test_secret_looking_query_values_are_not_logged() -> None:
    """Names stay, values of secrets go, and nothing grows without bound."""
    query = redact.query("q=1&access_token=abc&API-Key=def&password=ghi&flag")

    assert query == "q=1&access_token=[redacted]&API-Key=[redacted]&password=[redacted]&flag"
    assert redact.query("t%6Fken=abc&%70assword=d%26ef&a%2Fb=1") == "t%6Fken=[redacted]&%70assword=[redacted]&a%2Fb=1"
    assert redact.query("a=1;token=abc&b;c=2") == "a=1;token=[redacted]&b;c=2"
    assert len(redact.shorten("x" * 100_000)) < 2_100


def test_secret_looking_path_parameters_are_not_logged() -> None:
    """A session that a server without cookies writes into its paths is one as well."""
    assert redact.path("/a;v=1;jsessionid=abc/b;token=d%3Bef") == "/a;v=1;jsessionid=[redacted]/b;token=[redacted]"
    assert redact.path("/a;b/c") == "/a;b/c"
    assert len(redact.path("/" + ";a=1" * 100_000)) < 2_100


def test_header_names_are_bounded_too() -> None:
    """
    However long the names of a request's headers, what is logged of them is not.
    """
    assert ["host", "x-a"] == redact.names([b"host", b"x-a"])
    assert ["host", redact.MARK] == redact.names([b"host", b"x" * 60_000, b"x-a"])


def test_a_write_that_may_have_been_executed_is_told_as_such() -> None:
    """Who wrote is told that it was sent, once, before being told what to look at; who read is not."""
    writer = ErrorWriter("http://x", production=False, retry_after_s=5)
    wrote, read = (
        orjson.loads(writer.body(ANSWERS[Cause.RESET], Circumstances(1.0, 2.0, maybe_executed=maybe)))
        for maybe in (True, False)
    )

    assert wrote["details"]["suggestion"].startswith("The write may have been executed")
    assert read["details"]["suggestion"] == ANSWERS[Cause.RESET].suggestion
