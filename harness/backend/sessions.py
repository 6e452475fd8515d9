"""Sessions: a signed token (JWT, HS256 with JWT_SECRET) in a cookie that no script can read."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
from fastapi import Request
from starlette.responses import Response

from harness.backend.refusals import Problem
from harness.backend.settings import Settings

COOKIE = "token"
ALGORITHM = "HS256"
CHALLENGE = {"WWW-Authenticate": "Bearer"}  # RFC 9110 15.5.2: a 401 says how to come in


class Sessions:
    """Opens, reads and closes sessions; nothing is stored, so any process with the secret can read them."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.jwt_secret
        self._life = timedelta(milliseconds=settings.session_ms)
        self._secure = settings.production

    def open(self, response: Response, user_id: UUID) -> None:
        """Set the cookie of a session of ``user_id``."""
        issued = datetime.now(UTC)
        claims = {"sub": str(user_id), "iat": issued, "exp": issued + self._life}
        token = jwt.encode(claims, self._secret, ALGORITHM)
        response.set_cookie(
            COOKIE,
            token,
            max_age=max(1, int(self._life.total_seconds())),
            httponly=True,
            secure=self._secure,
            samesite="lax",
        )

    def close(self, response: Response) -> None:
        """Take the cookie back."""
        response.delete_cookie(COOKIE, httponly=True, secure=self._secure, samesite="lax")

    def user(self, request: Request) -> UUID:
        """Return whose session the request belongs to (cookie, or ``Authorization: Bearer``); raises Problem 401."""
        token = request.cookies.get(COOKIE) or _bearer(request)
        if not token:
            raise Problem(401, "log in first: POST /api/auth/login", CHALLENGE)
        try:
            user_id, expires = _verified(token, self._secret)
            if expires <= datetime.now(UTC).timestamp():
                raise jwt.ExpiredSignatureError
            return user_id
        except (jwt.InvalidTokenError, ValueError):
            raise Problem(401, "the session is invalid or over: log in again", CHALLENGE) from None


@functools.lru_cache(4096)
def _verified(token: str, secret: str) -> tuple[UUID, float]:
    """Whose the token is and until when (epoch seconds); what is signed stays signed, so it is verified once.

    Raises jwt.InvalidTokenError or ValueError, which are not kept.
    """
    claims = jwt.decode(token, secret, [ALGORITHM], options={"require": ["sub", "exp"]})
    return UUID(claims["sub"]), float(claims["exp"])


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
