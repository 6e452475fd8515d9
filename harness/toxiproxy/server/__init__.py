"""A TCP fault server that speaks Toxiproxy 2.12's HTTP API.

From the wire inwards: `wire` (HTTP) → `api` (routes) → `collection` → `proxy` (one listener and its toxics) →
`connection` (one client and its upstream) → `flow` (one direction) → `stage` (one toxic at work) → `toxics/`.

Where it differs from Toxiproxy on purpose (each is tested in ``tests/toxiproxy/``):

- a half-close passes through, and a reset arrives as a reset (Toxiproxy turns both into a full close);
- an upstream that does not answer the SYN stalls its own connection and no other;
- removing a toxic never hangs; what ``reset_peer`` holds is released when it is removed before its time;
- ``reset_peer`` with toxicity 0 does nothing, and one added later resets connections that were open before;
- ``--seed`` works: toxicity is drawn once per connection and toxic, whatever else happens;
- a disabled proxy keeps its port from other programs (a socket is bound to it that does not listen);
- a listen address without a host is 127.0.0.1, where Toxiproxy takes every interface;
- byte counters are always there and count open connections, too;
- an update that is refused changes nothing; the API refuses bodies over 16 MiB with 413;
- an API port that is taken, or a bad ``--config``, ends the program (exit 2) where Toxiproxy goes on without;
- ``GET /proxies/{name}/connections[?since=SECONDS]`` is an extension: the report of each connection.
"""
