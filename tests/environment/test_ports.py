"""How a port is chosen for a server that cannot tell which one it took."""

from __future__ import annotations

import socket

from harness.environment import ports


def test_a_port_lies_outside_the_ephemeral_range() -> None:
    """No outgoing connection of the machine can take a chosen port before the server does."""
    low, high = ports.ephemeral_range()

    chosen = [ports.choose() for _ in range(50)]

    assert [port for port in chosen if low <= port <= high] == []


def test_no_port_is_given_twice() -> None:
    """Two servers of one process never get the same port."""
    chosen = [ports.choose() for _ in range(50)]

    assert len(set(chosen)) == len(chosen)


def test_a_port_that_somebody_listens_on_is_taken() -> None:
    """A port is taken while there is a listener on it, on whatever address, and free afterwards."""
    port = ports.choose()
    assert not ports.taken(port)

    with socket.socket() as listener:
        listener.bind(("0.0.0.0", port))
        listener.listen()
        assert ports.taken(port)

    assert not ports.taken(port)


def test_the_words_of_every_server_are_understood() -> None:
    """Each server says in its own words that its port is taken."""
    words = [
        'could not bind IPv4 address "127.0.0.1": Address already in use',
        "Could not create server TCP listening socket 127.0.0.1:80: bind: Address already in use",
        "Error: listen EADDRINUSE: address already in use :::3000",
        "[Errno 98] error while attempting to bind on address ('127.0.0.1', 80): address already in use",
    ]

    assert [ports.says_taken(line) for line in words] == [True] * len(words)
    assert not ports.says_taken("ready to accept connections")
