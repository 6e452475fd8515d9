"""Settings: the guide's names (section "Environment Variables"), read from the environment once.

Durations are in milliseconds, as the guide's are, and may be fractions, so that all of them can be scaled together.
"""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from harness.backend.dsn import Database, parse_database_url, parse_redis_url

DEVELOPMENT_SECRET = "dev-secret-key-change-in-production"  # noqa: S105 - the guide's own, refused in production
SECRET_MIN_BYTES = 32  # RFC 7518 3.2: an HS256 key has at least the hash's 256 bits
DAY_MS = 86_400_000

Milliseconds = Annotated[float, Field(gt=0, le=366 * DAY_MS, allow_inf_nan=False)]

# Never shown in a message: they carry passwords or are one.
SECRET_NAMES = frozenset({"DATABASE_URL", "REDIS_URL", "JWT_SECRET"})


class BadSetting(Exception):
    """Settings are wrong; the message names each one and says what it must be."""


class Settings(BaseModel):
    """What the backend is told from outside; every field is one environment variable."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    port: int = Field(3101, ge=0, le=65535, validation_alias="PORT")
    host: str = Field("127.0.0.1", min_length=1, validation_alias="HOST")
    node_env: Literal["development", "production", "test"] = Field("development", validation_alias="NODE_ENV")
    database_url: str = Field(validation_alias="DATABASE_URL")
    redis_url: str = Field("redis://localhost:6379", validation_alias="REDIS_URL")
    redis_prefix: str = Field("errorpath:", validation_alias="REDIS_PREFIX")
    jwt_secret: str = Field(DEVELOPMENT_SECRET, validation_alias="JWT_SECRET")
    frontend_url: str = Field("http://localhost:3200,http://localhost:3000", validation_alias="FRONTEND_URL")
    backend_url: str = Field("", validation_alias="BACKEND_URL")
    log_dir: str = Field("logs", min_length=1, validation_alias="LOG_DIR")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", validation_alias="LOG_LEVEL")
    initial_credits: int = Field(100, ge=0, le=10**12, validation_alias="INITIAL_CREDITS")
    db_pool_size: int = Field(10, ge=1, le=1000, validation_alias="DB_POOL_SIZE")
    db_connect_ms: Milliseconds = Field(2000, validation_alias="DB_CONNECT_TIMEOUT")
    db_acquire_ms: Milliseconds = Field(3000, validation_alias="DB_ACQUIRE_TIMEOUT")
    db_command_ms: Milliseconds = Field(5000, validation_alias="DB_COMMAND_TIMEOUT")
    db_operation_ms: Milliseconds = Field(10_000, validation_alias="DB_OPERATION_TIMEOUT")
    redis_ms: Milliseconds = Field(500, validation_alias="REDIS_TIMEOUT")
    health_ms: Milliseconds = Field(2000, validation_alias="HEALTH_TIMEOUT")
    cache_ttl_ms: Milliseconds = Field(5000, validation_alias="CACHE_TTL")
    session_ms: Milliseconds = Field(7 * DAY_MS, validation_alias="SESSION_TTL")
    shutdown_ms: Milliseconds = Field(10_000, validation_alias="SHUTDOWN_TIMEOUT")

    @property
    def production(self) -> bool:
        """Whether details must stay inside."""
        return self.node_env == "production"

    @property
    def origins(self) -> list[str]:
        """The browser origins that may send credentials."""
        return [origin.strip().rstrip("/") for origin in self.frontend_url.split(",") if origin.strip()]

    @property
    def database(self) -> Database:
        """``DATABASE_URL`` as the driver wants it."""
        return parse_database_url(self.database_url)

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, value: str) -> str:
        parse_database_url(value)
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, value: str) -> str:
        parse_redis_url(value)
        return value

    @field_validator("frontend_url")
    @classmethod
    def _frontend_url(cls, value: str) -> str:
        for origin in filter(None, map(str.strip, value.split(","))):
            if not origin.startswith(("http://", "https://")):
                raise ValueError("must be origins like http://localhost:3200, separated by commas")
        return value

    @field_validator("jwt_secret")
    @classmethod
    def _jwt_secret(cls, value: str) -> str:
        if len(value.encode()) < SECRET_MIN_BYTES:
            raise ValueError(f"must have at least {SECRET_MIN_BYTES} bytes (RFC 7518, section 3.2)")
        return value

    @model_validator(mode="after")
    def _no_development_secret_in_production(self) -> Settings:
        if self.production and self.jwt_secret == DEVELOPMENT_SECRET:
            raise ValueError("JWT_SECRET: NODE_ENV=production needs a secret of its own, not the development one")
        return self


def load() -> Settings:
    """Return the settings of this process; raises BadSetting naming every variable that is wrong.

    An empty variable counts as not set.
    """
    given = {name.upper(): value for name, value in os.environ.items() if value}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise BadSetting("\n".join(_complaint(item) for item in error.errors(include_url=False))) from None


def _complaint(item: object) -> str:
    """One line for one wrong variable; ``item`` is one of pydantic's error details."""
    assert isinstance(item, dict)
    said = str(item["msg"]).removeprefix("Value error, ")
    if not item["loc"]:
        return said
    name = str(item["loc"][0])
    if item["type"] == "missing":
        return f"{name} is not set, for example {name}=postgresql://user:password@localhost:5432/sora2?schema=public"
    shown = name if name in SECRET_NAMES else f"{name}={item['input']}"
    return f"{shown}: {said[:1].lower()}{said[1:]}"
