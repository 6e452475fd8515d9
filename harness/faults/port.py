"""Faults of a port itself: a SYN that nobody answers, a name of whose addresses only one does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.errors import NotPromised
from harness.faults import Stage, Witness
from harness.faults.canary import refused_connect
from harness.traffic.ports import FullBacklog as HeldPort
from harness.traffic.refusals import Refusals


@dataclass(frozen=True)
class FullBacklog:
    """A SYN to the hop is never answered: a listener whose accept queue is full holds the link's port.

    Toxiproxy itself cannot do this: it accepts first.  So the link is disabled, and its port held by us meanwhile.
    Witnessed by a connect of our own that must stay unanswered before the block is entered.
    """

    hop: str = "upstream"

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Disable the hop's link and hold its port; give the port back and enable the link on leaving."""
        link = stage.link(self.hop)
        host, port = link.listen
        with link.disabled():
            held = HeldPort(port, host)
            try:
                yield Witness(
                    detail=lambda: f"a SYN of our own to the {self.hop} link's port was not answered",
                    hits=lambda: 1,
                )
            finally:
                held.close()


@dataclass(frozen=True)
class OneAddress:
    """Of the addresses of ``localhost`` only 127.0.0.1 takes connections at the hop's port; ::1 refuses.

    So it always is with a link, which listens on 127.0.0.1 alone; witnessed by a connect of our own to ::1 that is
    refused, and where the machine tells it by the kernel's count of the target's, of which there are none when it
    asked 127.0.0.1 first.  They are no tries, so no ``times`` are told.  NotPromised on a machine where ``localhost``
    is one address: nothing can be said there of a second.
    """

    hop: str = "upstream"

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Only look; there is nothing to heal."""
        _, port = stage.link(self.hop).listen
        found = {address[4][0] for address in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}
        if not {"127.0.0.1", "::1"} <= found:
            raise NotPromised(f"localhost is {', '.join(map(str, found))} on this machine, without a second address")
        ours = f"a connect of our own to [::1]:{port} was refused"
        if not Refusals.available():
            refused_connect("::1", port)
            yield Witness(detail=lambda: ours, hits=lambda: 1)
            return
        with Refusals(port) as refusals:
            refusals.prove("::1")
            yield Witness(
                detail=lambda: f"{ours}, and {len(refusals.times())} of others",
                hits=lambda: len(refusals.times()),
                required=0,
            )
            refusals.prove("::1")  # now all that was refused has been announced
