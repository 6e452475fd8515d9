"""All proxies of a server, by name.

Law: whatever has to wait (a name to be looked up) is waited for first; then the change is made in one go.
So two requests at the same time never see each other's halves.
"""

from __future__ import annotations

import random
from typing import Any

from harness.toxiproxy.server import body
from harness.toxiproxy.server.address import Address, AddressError, resolve
from harness.toxiproxy.server.errors import (
    ApiError,
    bad_body,
    cannot_listen,
    missing_field,
    proxy_exists,
    proxy_not_found,
)
from harness.toxiproxy.server.metrics import ByteCounters
from harness.toxiproxy.server.proxy import Proxy, Shared
from harness.toxiproxy.server.timers import Timers

PROXY = {"name": "string", "listen": "string", "upstream": "string", "enabled": "bool"}
POPULATE = 'value of type []struct { toxiproxy.Proxy; Enabled *bool "json:\\"enabled\\"" }'


class Populated(Exception):
    """A populate that stopped half-way: what was done, and why it went no further."""

    def __init__(self, done: list[Proxy], error: ApiError) -> None:
        super().__init__(error.message)
        self.done = done
        self.error = error


class Collection:
    """The proxies, and what is done to them through the API."""

    def __init__(self, timers: Timers, seed: int | None = None) -> None:
        self.counters = ByteCounters()
        self.seed = random.getrandbits(63) if seed is None else seed
        self._shared = Shared(timers, self.counters, self.seed)
        self._proxies: dict[str, Proxy] = {}

    def all(self) -> dict[str, Proxy]:
        """By name, in the order of their names."""
        return dict(sorted(self._proxies.items()))

    def get(self, name: str) -> Proxy:
        """Raises ApiError 404."""
        try:
            return self._proxies[name]
        except KeyError:
            raise proxy_not_found() from None

    async def create(self, raw: bytes) -> Proxy:
        """A new proxy from a request body.  Raises ApiError."""
        found = _read(body.parse(raw))
        if not found.get("name"):
            raise missing_field("name")
        if not found.get("upstream"):
            raise missing_field("upstream")
        enabled = found.get("enabled", True)
        self._must_be_free(found["name"])
        address = await _listen_address(found.get("listen", ""), "listen tcp: ") if enabled else None
        self._must_be_free(found["name"])
        proxy = Proxy(found["name"], found.get("listen", ""), found["upstream"], self._shared)
        if address is not None:
            proxy.start(address)
        self._proxies[proxy.name] = proxy
        return proxy

    async def update(self, name: str, raw: bytes) -> Proxy:
        """Change listen address, upstream or enabled; another address restarts it.  Raises ApiError."""
        proxy = self.get(name)
        found = _read(body.parse(raw))
        listen = found.get("listen", proxy.listen)
        address = await _listen_address(listen, "")
        proxy = self.get(name)
        upstream = found.get("upstream", proxy.upstream)
        moved = proxy.moved_to(address, upstream)
        if not found.get("enabled", proxy.enabled):
            proxy.stop()
            proxy.listen, proxy.upstream = (listen, upstream) if moved else (proxy.listen, proxy.upstream)
        elif moved:
            proxy.move(address, upstream)
        elif not proxy.enabled:
            proxy.start(address)
        return proxy

    def remove(self, name: str) -> None:
        """Stop it and forget it.  Raises ApiError 404."""
        self.get(name).remove()
        del self._proxies[name]

    async def reset(self) -> None:
        """Enable every proxy and remove every toxic.  Raises ApiError 500 at the first that cannot listen."""
        for name in list(self.all()):
            proxy = self._proxies.get(name)
            if proxy is None:
                continue
            address = await _listen_address(proxy.listen, "listen tcp: ")
            if not proxy.enabled and self._proxies.get(name) is proxy:
                proxy.start(address)
            for toxic in proxy.toxics():
                proxy.remove_toxic(toxic.name)

    async def populate(self, raw: bytes) -> list[Proxy]:
        """Make the proxies of a list exist; one that differs is replaced.  Raises ApiError, or Populated half-way."""
        given = body.parse(raw)
        if given is not None and not isinstance(given, list):
            raise bad_body(f"json: cannot unmarshal {body.kind(given)} into Go {POPULATE}")
        wanted = [_read(entry) for entry in given or []]
        for number, entry in enumerate(wanted, 1):
            for field in ("name", "upstream"):
                if not entry.get(field):
                    raise missing_field(f"{field} at proxy {number}")
        done: list[Proxy] = []
        for entry in wanted:
            try:
                done.append(await self._add_or_replace(entry))
            except ApiError as error:
                raise Populated(done, error) from error
        return done

    def close(self) -> None:
        """Remove every proxy."""
        for name in list(self._proxies):
            self.remove(name)

    async def _add_or_replace(self, entry: dict[str, Any]) -> Proxy:
        listen, enabled = entry.get("listen", ""), entry.get("enabled", True)
        existing = self._proxies.get(entry["name"])
        address = await _listen_address(listen, "listen tcp: ") if enabled or existing else None
        existing = self._proxies.get(entry["name"])
        if existing is not None and address is not None:
            if not existing.moved_to(address, entry["upstream"]):
                return existing
            existing.remove()
        proxy = Proxy(entry["name"], listen, entry["upstream"], self._shared)
        if enabled and address is not None:
            proxy.start(address)
        self._proxies[proxy.name] = proxy
        return proxy

    def _must_be_free(self, name: str) -> None:
        if name in self._proxies:
            raise proxy_exists()


def _read(value: object) -> dict[str, Any]:
    return body.fields(value, PROXY, owner="Proxy", whole="value of type toxiproxy.Proxy")


async def _listen_address(text: str, prefix: str) -> Address:
    try:
        return (await resolve(text))[0]
    except AddressError as error:
        raise cannot_listen(f"{prefix}{error}") from None
