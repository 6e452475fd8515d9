"""What the API says when it cannot do as asked: one shape, RFC 9457's ``application/problem+json``.

``{"title", "status", "detail", "requestId"}``, and for a dependency ``{"dependency", "reason", "outcome"}``.  Law: no
SQL text, address or credential gets in here; those who run the backend find them in its log.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from harness.backend.dependencies import DependencyDown
from harness.backend.refusals import Problem

RETRY_AFTER_S = 1  # a dependency is asked again at every request, so there is nothing to wait out

log = structlog.get_logger("backend.problems")


class ProblemResponse(JSONResponse):
    """An answer in RFC 9457's form."""

    media_type = "application/problem+json"


def answer(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None, **members: object
) -> ProblemResponse:
    """Return the problem answer to ``request``; ``members`` are RFC 9457 extension members."""
    content = {
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **members,
        "requestId": request.scope.get("request_id"),
    }
    return ProblemResponse(content, status, headers)


async def _problem(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, Problem)
    return answer(request, error.status, error.detail, error.headers)


async def _dependency_down(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, DependencyDown)
    log.error(f"{error.dependency} error", reason=error.reason, outcome=error.outcome, **error.for_the_log())
    return answer(
        request,
        503,
        f"{error.dependency} {error.reason}",
        {"Retry-After": str(RETRY_AFTER_S)},
        dependency=error.dependency,
        reason=error.reason,
        outcome=error.outcome,
    )


async def _invalid(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)
    errors = [{"at": list(item["loc"]), "message": item["msg"]} for item in error.errors()]
    return answer(request, 422, "the request does not have the documented form", errors=errors)


async def _unstorable(request: Request, _: Exception) -> ProblemResponse:
    """JSON can say what PostgreSQL cannot keep: a NUL in a text."""
    return answer(request, 422, "the request has a value that cannot be stored")


async def _http(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)
    return answer(request, error.status_code, str(error.detail), error.headers)


async def _unexpected(request: Request, _: Exception) -> ProblemResponse:
    """The server logs the traceback itself; the client learns only that the fault is ours."""
    return answer(request, 500, "the backend failed on its own account; its log says how")


def install(app: FastAPI) -> None:
    """Give ``app`` one shape of error for every way of failing."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(DependencyDown, _dependency_down)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(asyncpg.DataError, _unstorable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
