"""Whether a Toxiproxy server that is not ours can break connections the way the scenarios need it.

One connection tells.  A server in a container with a network of its own cannot reach what listens on this machine's
loopback, and where Docker publishes its ports something may accept connections for a link that is disabled.
"""

from __future__ import annotations

import errno
import socket

from harness.environment import ports
from harness.environment.rundir import RunDirectory
from harness.errors import EnvironmentUnavailable, HarnessError
from harness.faults.canary import connect_outcome
from harness.toxiproxy.client import Link, LinkServer

ARRIVE_S = 5.0  # wall seconds; a connection through a link on loopback takes a millisecond
REFUSED = errno.errorcode[errno.ECONNREFUSED]
REMEDY = "let it share this machine's network (docker run --network host; Linux), or choose --toxiproxy embedded"


def prove_links(endpoint: str, run: RunDirectory) -> str:
    """Send one connection through a link of the server at ``endpoint``, and have one refused; the server's version.

    Raises EnvironmentUnavailable, with what to do, when nobody answers, nothing comes through, or a disabled link
    does not refuse (ECONNREFUSED).
    """
    server = LinkServer(endpoint)
    try:
        with socket.create_server(("127.0.0.1", 0)) as upstream:
            upstream.settimeout(ARRIVE_S)
            address = f"127.0.0.1:{upstream.getsockname()[1]}"
            link = server.create(f"{run.id}-preflight", address, listen=f"127.0.0.1:{ports.choose()}")
            try:
                prove_passing(link, upstream)
                prove_refusing(link)
            finally:
                link.remove()
    except EnvironmentUnavailable:
        raise
    except HarnessError as exc:
        raise EnvironmentUnavailable(f"the Toxiproxy server at {endpoint} cannot serve links: {exc}") from exc
    return server.version


def prove_passing(link: Link, upstream: socket.socket) -> None:
    """One connection through the link must arrive at ``upstream``, which waits for one with a time-out."""
    host, port = link.listen
    try:
        with socket.create_connection((host, port), timeout=ARRIVE_S):
            upstream.accept()[0].close()
    except OSError as exc:
        raise EnvironmentUnavailable(
            f"the Toxiproxy server at {link.server.endpoint}: a connection through a link of it at {host}:{port} did "
            f"not arrive on this machine's 127.0.0.1 ({exc}); {REMEDY}"
        ) from exc


def prove_refusing(link: Link) -> None:
    """One connect to the link must be refused while it is disabled."""
    host, port = link.listen
    with link.disabled():
        met = connect_outcome(host, port)
    if met != REFUSED:
        raise EnvironmentUnavailable(
            f"the Toxiproxy server at {link.server.endpoint}: a connect to a disabled link of it at {host}:{port} "
            f"met {met}, not {REFUSED}: something accepts in its place, as Docker's port proxy does; {REMEDY}"
        )
