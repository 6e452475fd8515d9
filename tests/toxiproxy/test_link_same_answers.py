"""Whatever is asked, both servers give the same answer: requests made up by hypothesis, one after the other."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.toxiproxy.rig import Api

TOXICS = ["latency", "bandwidth", "slicer", "timeout", "limit_data", "reset_peer", "slow_close", "noop"]
ATTRIBUTES = ["latency", "jitter", "rate", "delay", "timeout", "average_size", "size_variation", "bytes", "Latency"]
CHOSEN = re.compile(r"(127\.0\.0\.1|\[::\]):[1-9]\d{3,4}\b")
NUMBERS = st.integers(-3, 1000) | st.integers(-(1 << 65), 1 << 65) | st.sampled_from([0.5, 1.0, 1e3, 1e40, -0.0])
WRONG: st.SearchStrategy[Any] = st.none() | st.booleans() | st.text(max_size=3) | st.just([]) | st.just({})


def mostly(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The right kind of value, and now and then a wrong one."""
    return st.one_of(right, right, right, WRONG)


TOXIC = st.fixed_dictionaries(
    {},
    optional={
        "name": mostly(st.sampled_from(["a", "b", ""])),
        "type": st.sampled_from([*TOXICS, *TOXICS, "nope", ""]) | WRONG,
        "stream": mostly(st.sampled_from(["upstream", "downstream", "Upstream", "DOWNSTREAM", "sideways", ""])),
        "toxicity": mostly(NUMBERS | st.floats(0, 1, width=32)),
        "attributes": mostly(st.dictionaries(st.sampled_from(ATTRIBUTES), mostly(NUMBERS), max_size=3)),
        "unknown": WRONG,
    },
)
PROXY = st.fixed_dictionaries(
    {},
    optional={
        "name": mostly(st.sampled_from(["other", ""])),
        "listen": mostly(st.sampled_from(["127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1", "::1:0", "127.0.0.1:x"])),
        "upstream": mostly(st.sampled_from(["127.0.0.1:1", ""])),
        "enabled": mostly(st.booleans()),
    },
)
NAMES = st.sampled_from(["a", "b", "latency_downstream", "noop_upstream", "none"])
# what is asked below a proxy of the test's own: method, rest of the path, body
REQUESTS = (
    st.tuples(st.just("POST"), st.just("/toxics"), TOXIC)
    | st.tuples(st.sampled_from(["PATCH", "POST"]), NAMES.map("/toxics/{}".format), TOXIC)
    | st.tuples(st.sampled_from(["GET", "DELETE"]), NAMES.map("/toxics/{}".format), st.none())
    | st.tuples(st.just("GET"), st.sampled_from(["", "/toxics", "/", "/toxics/", "/nowhere"]), st.none())
    | st.tuples(st.sampled_from(["PUT", "OPTIONS", "HEAD"]), st.sampled_from(["", "/toxics"]), st.none())
)


def asked(api: Api, method: str, path: str, body: Any) -> tuple[int, Any]:
    """Status and body; a port that the system chose is no number that two servers could agree on.

    Nor do they agree on what no host to listen on means: all interfaces ([::]) for the real one.
    """
    content = None if body is None else json.dumps(body).encode()
    answer = api.http.request(method, path, content=content)
    return answer.status_code, CHOSEN.sub("127.0.0.1:PORT", answer.text)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(REQUESTS, min_size=1, max_size=6))
def test_requests_in_a_row_get_the_same_answers(
    embedded: Api, real: Api, requests: list[tuple[str, str, Any]]
) -> None:
    """Toxics added, changed, shown and removed in any order, with any values: status and body, byte for byte."""
    answers: list[list[tuple[int, Any]]] = [[], []]
    for which, api in enumerate((embedded, real)):
        api.ok("POST", "/proxies", {"name": "same", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"})
        try:
            answers[which] = [asked(api, method, f"/proxies/same{path}", body) for method, path, body in requests]
        finally:
            api.ask("DELETE", "/proxies/same")

    assert answers[0] == answers[1]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PROXY)
def test_a_new_proxy_gets_the_same_answer(embedded: Api, real: Api, proxy: dict[str, Any]) -> None:
    """A proxy of any values is made, or refused, in the same words."""
    answers = []
    for api in (embedded, real):
        answers.append(asked(api, "POST", "/proxies", {"listen": "127.0.0.1:0", **proxy}))
        api.ask("DELETE", "/proxies/other")

    assert answers[0] == answers[1]
