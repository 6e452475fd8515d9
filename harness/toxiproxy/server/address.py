"""Addresses as Toxiproxy writes them: ``host:port``, ``[v6]:port``, names and an empty host allowed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
from dataclasses import dataclass
from typing import Any

MAX_PORT = 65535

# Go's words for what binding can fail with; the rest is the system's own, in lower case as Go has it.
REASONS = {errno.EADDRINUSE: "address already in use", errno.EADDRNOTAVAIL: "cannot assign requested address"}


class AddressError(ValueError):
    """The text is not an address, or its name is unknown."""


@dataclass(frozen=True)
class Address:
    """A resolved address: what the socket calls need, and how Toxiproxy writes it."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]
    text: str

    @classmethod
    def of(cls, family: int, sockaddr: Any) -> Address:
        """From what a socket call returned."""
        host, port = sockaddr[0], sockaddr[1]
        text = f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"
        return cls(socket.AddressFamily(family), tuple(sockaddr), text)

    def with_port(self, port: int) -> Address:
        """The same address at another port."""
        return Address.of(self.family, (self.sockaddr[0], port, *self.sockaddr[2:]))


def split(text: str) -> tuple[str, str]:
    """Host and port; the brackets of an IPv6 address are taken off.  Raises AddressError in Go's words."""
    host, colon, port = text.rpartition(":")
    if not colon or port.endswith("]"):
        raise AddressError(f"address {text}: missing port in address")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], port
    if ":" in host:
        raise AddressError(f"address {text}: too many colons in address")
    return host, port


def port_number(text: str) -> int:
    """A port by number or by service name; none is 0.  Raises AddressError in Go's words."""
    if not text:
        return 0
    if text.isascii() and text.isdigit():
        if len(text) > len(str(MAX_PORT)) or int(text) > MAX_PORT:
            raise AddressError(f"address {text}: invalid port")
        return int(text)
    try:
        return socket.getservbyname(text, "tcp")
    except (OSError, ValueError):
        raise AddressError(f"lookup tcp/{text}: unknown port") from None


async def resolve(text: str) -> list[Address]:
    """Every address that ``text`` stands for, in the system's order, IPv4 first; an empty host is this machine alone.

    Raises AddressError.
    """
    host, port_text = split(text) if text else ("", "")
    port = port_number(port_text)
    host = host or "127.0.0.1"
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return await _look_up(host, port)
    if ip.version == 6:
        return [Address.of(socket.AF_INET6, (host, port, 0, 0))]
    return [Address.of(socket.AF_INET, (host, port))]


async def _look_up(host: str, port: int) -> list[Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, ValueError):  # ValueError: a NUL in the name
        raise AddressError(f"lookup {host}: no such host") from None
    addresses = [Address.of(family, sockaddr) for family, _, _, _, sockaddr in found]
    return sorted(addresses, key=lambda address: address.family != socket.AF_INET)


async def dial(text: str) -> socket.socket:
    """Connect to the first address of ``text`` that answers.  Raises OSError.

    No timeout but the system's own, as in Toxiproxy: a black hole is to be felt as one.
    """
    try:
        *others, last = await resolve(text)
    except AddressError as error:
        raise OSError(str(error)) from error
    for address in others:
        with contextlib.suppress(OSError):
            return await _connected(address)
    return await _connected(last)


async def _connected(address: Address) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, address.sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock


def reason(error: OSError) -> str:
    """Why a system call failed, in Go's words where they differ."""
    if error.errno is None:
        return str(error)
    return REASONS.get(error.errno, os.strerror(error.errno).lower())
