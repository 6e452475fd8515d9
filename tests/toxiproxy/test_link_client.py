"""The client: every change confirmed, every fault healed, on both servers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from harness.clock import poll_until
from harness.errors import HarnessError
from harness.toxiproxy.client import Absent, Link, LinkServer
from harness.toxiproxy.witness import ByteCounts
from tests.toxiproxy.rig import PATIENCE_S, Api, Upstream, read_to_end


@pytest.fixture
def server(api: Api) -> LinkServer:
    return LinkServer(api.endpoint)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def link(server: LinkServer, upstream: Upstream) -> Iterator[Link]:
    link = server.create(f"link-{uuid4().hex}", upstream.address)
    yield link
    link.remove()


def crosses(link: Link, upstream: Upstream) -> bool:
    """Whether a byte crosses the link downstream."""
    with socket.create_connection(link.listen, timeout=PATIENCE_S) as client, upstream.accept() as server:
        server.sendall(b"x")
        return client.recv(1) == b"x"


def test_the_kind_of_server_is_known(api: Api) -> None:
    """Ours and the real one are told apart by what they answer."""
    server = LinkServer(api.endpoint)

    assert server.kind == api.kind
    assert server.version


def test_a_disabled_link_refuses_and_heals(link: Link, upstream: Upstream) -> None:
    """Inside the block a connect is refused; afterwards bytes cross at the same address."""
    address = link.listen

    with link.disabled(), pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)

    assert link.listen == address
    assert crosses(link, upstream)


def test_disabling_what_is_disabled_leaves_it_so(link: Link) -> None:
    """Leaving the inner of two blocks restores what it found: a disabled link."""
    with link.disabled():
        with link.disabled():
            pass
        inside = link.state().enabled
    after = link.state().enabled

    assert (inside, after) == (False, True)


def test_a_toxic_hits_inside_its_block_only(link: Link, upstream: Upstream) -> None:
    """Inside the block nothing crosses, afterwards it does, and the toxic is gone."""
    with link.toxic("limit_data", bytes=0) as name:
        assert name == "limit_data_downstream"
        assert link.state().toxics == (name,)
        assert not crosses(link, upstream)

    assert link.state().toxics == ()
    assert crosses(link, upstream)


def test_a_toxicity_of_single_precision_is_confirmed(link: Link) -> None:
    """0.1 has no exact single-precision form, and is accepted all the same."""
    with link.toxic("latency", toxicity=0.1, latency=1):
        pass


def test_an_error_of_the_block_is_never_hidden(link: Link) -> None:
    """When both the block and the healing fail, the block's error comes out and notes the other."""
    with pytest.raises(ZeroDivisionError) as caught, link.toxic("noop"):
        link.server.reset()
        _ = 1 / 0

    assert "somebody removed toxic" in caught.value.__notes__[0]


def test_a_toxic_removed_by_somebody_else_is_our_error(link: Link) -> None:
    """A fault that was not there until the end of its block proves nothing."""
    with pytest.raises(HarnessError, match="somebody removed toxic 'noop_downstream'"), link.toxic("noop"):
        link.server.reset()


def test_a_toxic_changed_by_somebody_else_is_our_error(link: Link, api: Api) -> None:
    """The toxic must be at the end what was asked for at the beginning; it is removed in any case."""
    with pytest.raises(HarnessError, match="reads back as"), link.toxic("latency", latency=5) as name:
        api.ok("PATCH", f"/proxies/{link.name}/toxics/{name}", {"attributes": {"latency": 6}})

    assert link.state().toxics == ()


def test_a_link_enabled_by_somebody_else_is_our_error(link: Link) -> None:
    """A link that was to be disabled must still be so at the end of the block."""
    with pytest.raises(HarnessError, match="somebody enabled"), link.disabled():
        link.server.reset()


def test_a_toxic_on_a_disabled_link_is_our_error(link: Link) -> None:
    """The server would accept it, and it would do nothing."""
    with link.disabled(), pytest.raises(HarnessError, match="is disabled"), link.toxic("latency", latency=1):
        pass


@pytest.mark.parametrize(
    ("type_", "attributes", "said"),
    [
        ("latency", {"latencyy": 5}, "reads back as"),
        ("nope", {}, "400 .*invalid toxic type|InvalidToxic .*invalid toxic type"),
    ],
)
def test_a_toxic_the_server_does_not_understand_is_our_error(
    link: Link, type_: str, attributes: dict[str, Any], said: str
) -> None:
    """An unknown type is refused by the server; an unknown attribute is ignored by it, and found by reading back."""
    with pytest.raises(HarnessError, match=said), link.toxic(type_, **attributes):
        pass

    assert link.state().toxics == ()


def test_a_second_toxic_of_a_name_is_our_error(link: Link) -> None:
    """The first one stays; under another name the second is welcome."""
    with link.toxic("noop"):
        with pytest.raises(HarnessError, match="toxic already exists"), link.toxic("noop"):
            pass
        with link.toxic("noop", name="other"):
            assert link.state().toxics == ("noop_downstream", "other")


def test_a_link_can_be_pointed_elsewhere(link: Link, upstream: Upstream) -> None:
    """The listen address stays, connections go to the new upstream."""
    address = link.listen
    with Upstream() as other:
        link.point_at(other.address)

        assert link.listen == address
        assert crosses(link, other)


def test_a_removed_link_is_gone(server: LinkServer) -> None:
    """Removing twice is fine; removing what somebody else removed is not."""
    link = server.create(f"link-{uuid4().hex}", "u:1")
    twin = server.link(link.name)

    link.remove()
    link.remove()

    assert link.name not in server.names()
    with pytest.raises(Absent, match="proxy not found"):
        twin.remove()


def test_a_name_is_taken_once_and_has_no_slash(server: LinkServer, link: Link) -> None:
    """What the server would refuse, or could never find again, is our error."""
    with pytest.raises(HarnessError, match="proxy already exists"):
        server.create(link.name, "u:1")
    for name in ("", "a/b"):
        with pytest.raises(HarnessError, match="name"):
            server.create(name, "u:1")


def test_evidence_is_the_best_the_server_has(link: Link, upstream: Upstream) -> None:
    """Ours reports each connection, the real one counts bytes."""
    with link.toxic("latency", latency=1):
        assert crosses(link, upstream)

    seen = link.connections()
    if link.server.kind == "embedded":
        assert seen is not None
        assert [touch.type for touch in seen[0].toxics] == ["latency"]
        assert seen == link.evidence()
    else:
        assert seen is None
        assert isinstance(link.evidence(), ByteCounts)


def test_bytes_are_counted_per_stream(link: Link, upstream: Upstream) -> None:
    """What crossed upstream and downstream is counted apart, and other links do not matter."""
    with socket.create_connection(link.listen, timeout=PATIENCE_S) as client, upstream.accept() as server:
        client.sendall(b"123")
        assert server.recv(3) == b"123"
        server.sendall(b"12345")
        server.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b"12345"

    counted = poll_until(
        lambda: link.server.metrics_bytes(link.name).received_up == 3 and link.server.metrics_bytes(link.name),
        within_s=5,
        what="the bytes to be counted",
    )

    assert counted == ByteCounts(3, 3, 5, 5)


def test_two_servers_in_one_process_do_not_mix(api: Api, embedded: Api) -> None:
    """A second instance with another endpoint leaves the first one where it was."""
    first = LinkServer(api.endpoint)
    other = LinkServer(embedded.endpoint)

    link = first.create(f"link-{uuid4().hex}", "u:1")

    assert link.name in first.names()
    assert (link.name in other.names()) is (api.endpoint == embedded.endpoint)
    link.remove()
