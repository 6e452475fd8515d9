"""``DATABASE_URL`` and ``REDIS_URL``: checked before anything starts, and told to the drivers in their own words.

The guide writes Prisma's form, ``…/sora2?schema=public``.  The schema becomes the ``search_path``; of Prisma's other
parameters (https://www.prisma.io/docs/orm/overview/databases/postgresql) those with a meaning here are kept and the
rest are dropped, since PostgreSQL would refuse the connection over an unknown one.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

KEPT_PARAMETERS = frozenset({"sslmode", "application_name"})
SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
NAME_BYTES_MAX = 63  # PostgreSQL's NAMEDATALEN - 1


@dataclass(frozen=True)
class Database:
    """Where the data lives: a URL as libpq and asyncpg read it, and the schema of our tables."""

    dsn: str
    schema: str
    behind_pgbouncer: bool = False

    @property
    def quoted_schema(self) -> str:
        """The schema as an SQL identifier."""
        return '"' + self.schema.replace('"', '""') + '"'


def parse_database_url(url: str) -> Database:
    """Read a ``postgresql://`` URL; raises ValueError whose message never repeats the URL (it has a password)."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("must begin with postgresql://")
    _check_address(url)
    if not parts.hostname or not parts.path.strip("/"):
        raise ValueError("must name a host and a database, like postgresql://user:password@localhost:5432/sora2")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    schema = given.get("schema", "public")
    if not schema or "\0" in schema or len(schema.encode()) > NAME_BYTES_MAX:
        raise ValueError(f"its ?schema= must be a name of 1 to {NAME_BYTES_MAX} bytes")
    if given.get("sslmode", "prefer") not in SSL_MODES:
        raise ValueError(f"its ?sslmode= must be one of {', '.join(sorted(SSL_MODES))}")
    kept = urlencode({name: value for name, value in given.items() if name in KEPT_PARAMETERS})
    dsn = urlunsplit(("postgresql", parts.netloc, parts.path, kept, ""))
    return Database(dsn, schema, given.get("pgbouncer") == "true")


def parse_redis_url(url: str) -> None:
    """Check a ``redis://`` or ``rediss://`` URL; raises ValueError with a message that does not repeat it."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss"):
        raise ValueError("must begin with redis:// or rediss://")
    _check_address(url)
    if not parts.hostname:
        raise ValueError("must name a host, like redis://localhost:6379")
    if parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        raise ValueError("its path must be the number of a database, like redis://localhost:6379/0")


def _check_address(url: str) -> None:
    try:
        port = urlsplit(url).port
    except ValueError:
        raise ValueError("its port must be a number between 1 and 65535") from None
    if port == 0:
        raise ValueError("its port must be a number between 1 and 65535")
