"""What the API says when it refuses: one sentence and one status each, Toxiproxy's own words."""

from __future__ import annotations


class ApiError(Exception):
    """An answer other than success; the API turns it into ``{"error": message, "status": status}``."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def bad_body(why: str) -> ApiError:
    """The request body is not JSON, or not of the right types."""
    return ApiError(f"bad request body: {why}", 400)


def missing_field(name: str) -> ApiError:
    """A field that has no default is absent or empty."""
    return ApiError(f"missing required field: {name}", 400)


def proxy_not_found() -> ApiError:
    """No proxy of that name."""
    return ApiError("proxy not found", 404)


def proxy_exists() -> ApiError:
    """The name is taken."""
    return ApiError("proxy already exists", 409)


def invalid_stream() -> ApiError:
    """Neither upstream nor downstream."""
    return ApiError("stream was invalid, can be either upstream or downstream", 400)


def invalid_toxic_type() -> ApiError:
    """No toxic of that type."""
    return ApiError("invalid toxic type", 400)


def toxic_exists() -> ApiError:
    """The proxy has a toxic of that name already."""
    return ApiError("toxic already exists", 409)


def toxic_not_found() -> ApiError:
    """The proxy has no toxic of that name."""
    return ApiError("toxic not found", 404)


def cannot_listen(why: str) -> ApiError:
    """The address cannot be listened on; Toxiproxy answers 500 with the operating system's reason."""
    return ApiError(why, 500)
