"""From exceptions to causes: the one table.

Exceptions arrive wrapped (``raise … from``, implicit context, ``ExceptionGroup`` of a dual-stack connect), so the
whole tree is walked, and the most telling leaf decides.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

from proxy_under_test.causes import Cause

UNROUTABLE = frozenset(
    {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTDOWN, errno.EAFNOSUPPORT}
)
OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS})  # a limit of ours, not the upstream's

# In order of what tells most: an address that refused says more than another family that has no route.
CONNECTING: tuple[tuple[type[BaseException], Cause], ...] = (
    (ssl.SSLCertVerificationError, Cause.TLS_CERTIFICATE),
    (ssl.CertificateError, Cause.TLS_CERTIFICATE),
    (ssl.SSLError, Cause.TLS_PROTOCOL),
    (ConnectionRefusedError, Cause.REFUSED),
    (socket.gaierror, Cause.DNS),
    (UnicodeError, Cause.DNS),  # a name with a part that no name can have
    (TimeoutError, Cause.CONNECT_TIMEOUT),
)


def leaves(error: BaseException) -> Iterator[BaseException]:
    """``error`` and everything it wraps, groups included."""
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            pending.extend(one.exceptions)
        pending.extend(inner for inner in (one.__cause__, one.__context__) if inner is not None)


def while_connecting(error: BaseException, *, tls: bool) -> Cause:
    """The cause of a connect that failed with ``error``; ``tls`` says that the upstream is an https:// one."""
    found = list(leaves(error))
    for kind, cause in CONNECTING:
        if any(isinstance(one, kind) for one in found):
            return cause
    if any(isinstance(one, OSError) and one.errno in UNROUTABLE for one in found):
        return Cause.UNROUTABLE
    if any(isinstance(one, OSError) and one.errno in OUT_OF_DESCRIPTORS for one in found):
        return Cause.NO_CONNECTION_FREE
    # TCP was accepted and then ended: inside a TLS handshake that is the handshake's failure.
    return Cause.TLS_PROTOCOL if tls else Cause.RESET


def connection_ended(error: BaseException | None, *, answered: bool, head_done: bool) -> Cause:
    """The cause when the upstream's end of a connection went away in the middle of an exchange."""
    reset = any(isinstance(one, OSError) for one in leaves(error)) if error is not None else False
    if head_done:
        return Cause.BODY_RESET if reset else Cause.BODY_CUT
    if reset:
        return Cause.RESET
    return Cause.HEAD_CUT if answered else Cause.CLOSED
