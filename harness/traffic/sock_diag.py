"""Linux tells anyone who asks when a TCP socket of this network namespace is destroyed; no root is needed.

A NETLINK_SOCK_DIAG socket joins the groups SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY of
linux/sock_diag.h.  Each message is nlmsghdr, inet_diag_msg and attributes, among them tcp_info (linux/inet_diag.h,
linux/tcp.h).
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import sys
from dataclasses import dataclass

NETLINK_SOCK_DIAG = 4
TCP_DESTROYED = 1 << 0 | 1 << 2  # the groups of IPv4 and IPv6
INET_DIAG_INFO = 2

HEADER = 16  # nlmsghdr
PORTS = HEADER + 4  # source and destination, big-endian
SOURCE, DESTINATION, ADDRESS = HEADER + 8, HEADER + 24, 16
ATTRIBUTES = HEADER + 72

TCP_INFO_ACKED = 120  # u64 bytes_acked; the peer's SYN-ACK makes it 1
TCP_INFO_SEGMENTS_IN = 140  # u32 segs_in
TCP_INFO_NEEDED = 144  # Linux 4.2 and later have as much

SO_RCVBUFFORCE = 33  # past net.core.rmem_max, where we may
SO_ATTACH_FILTER = 26
RECEIVE_BUFFER = 4 << 20  # bytes; more than ten thousand messages


@dataclass(frozen=True)
class Destroyed:
    """A TCP socket that no longer exists."""

    source_port: int
    destination_port: int  # 0 when it was forgotten: never connected, listening, or a blocking connect that failed
    source: bytes
    destination: bytes
    bytes_acked: int
    segments_in: int


def listen(port: int) -> socket.socket:
    """A socket that receives what becomes of sockets connecting to ``port``, and of those without a destination.

    Raises OSError where the system has no such thing.
    """
    if not sys.platform.startswith("linux"):
        raise OSError("sock_diag is Linux's")
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
    try:
        _attach_filter(sock, port)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        with contextlib.suppress(PermissionError):
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        sock.bind((0, TCP_DESTROYED))
    except OSError:
        sock.close()
        raise
    return sock


def parse(message: bytes) -> Destroyed | None:
    """The socket ``message`` speaks of, or None when it does not say enough."""
    if len(message) < ATTRIBUTES:
        return None
    info = _attribute(message, INET_DIAG_INFO)
    if info is None or len(info) < TCP_INFO_NEEDED:
        return None
    source_port, destination_port = struct.unpack_from("!HH", message, PORTS)
    return Destroyed(
        source_port,
        destination_port,
        message[SOURCE : SOURCE + ADDRESS],
        message[DESTINATION : DESTINATION + ADDRESS],
        struct.unpack_from("=Q", info, TCP_INFO_ACKED)[0],
        struct.unpack_from("=I", info, TCP_INFO_SEGMENTS_IN)[0],
    )


def _attribute(message: bytes, wanted: int) -> bytes | None:
    at = ATTRIBUTES
    while at + 4 <= len(message):
        length, kind = struct.unpack_from("=HH", message, at)
        if kind == wanted:
            return message[at + 4 : at + length]
        at += max(4, (length + 3) & ~3)
    return None


def _attach_filter(sock: socket.socket, port: int) -> None:
    """Let the kernel drop what is not for ``port``: under load the whole machine's sockets would fill the buffer."""
    load_half, jump_if_equal, give_back = 0x28, 0x15, 0x06
    program = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in (
            (load_half, 0, 0, PORTS + 2),
            (jump_if_equal, 1, 0, port),
            (jump_if_equal, 0, 1, 0),
            (give_back, 0, 0, 0xFFFFFFFF),
            (give_back, 0, 0, 0),
        )
    )
    held = ctypes.create_string_buffer(program, len(program))
    sock.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(program) // 8, ctypes.addressof(held))
    )
