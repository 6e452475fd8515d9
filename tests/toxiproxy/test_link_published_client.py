"""toxiproxy-python as it is published drives both servers."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from uuid import uuid4

import pytest
import toxiproxy
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, ProxyExists

from tests.toxiproxy.rig import Api, Upstream


@pytest.fixture
def published(api: Api) -> Iterator[toxiproxy.Toxiproxy]:
    before = APIConsumer.host, APIConsumer.port
    server = toxiproxy.Toxiproxy()
    host, port = api.endpoint.split(":")
    server.update_api_consumer(host, int(port))
    yield server
    APIConsumer.host, APIConsumer.port = before


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


def test_the_published_client_drives_the_server(published: toxiproxy.Toxiproxy, upstream: Upstream) -> None:
    """Create, toxics, down, populate, reset and destroy do what its documentation says."""
    name = f"published-{uuid4().hex}"

    assert published.running()
    assert "version" in json.loads(published.version())
    proxy = published.create(upstream.address, name)
    host, port = proxy.listen.rsplit(":", 1)
    with pytest.raises(ProxyExists):
        published.create(upstream.address, name)
    with pytest.raises(InvalidToxic):
        proxy.add_toxic(type="nope")

    proxy.add_toxic(type="latency", attributes={"latency": 5}, toxicity=0.5)
    toxic = proxy.get_toxic("latency_downstream")
    assert (toxic.type, toxic.stream, toxic.toxicity) == ("latency", "downstream", 0.5)
    assert toxic.attributes == {"latency": 5, "jitter": 0}
    assert proxy.destroy_toxic("latency_downstream")
    with proxy.down(), pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)
    socket.create_connection((host, int(port)), timeout=5).close()

    proxy.add_toxic(type="timeout", stream="upstream")
    assert published.reset()
    assert proxy.toxics() == {}
    listen = f"127.0.0.1:{port}"
    assert published.populate([{"name": name, "upstream": upstream.address, "listen": listen}]) == []
    assert published.destroy(proxy)
    assert published.get_proxy(name) is None
