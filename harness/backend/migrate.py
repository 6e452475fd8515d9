"""Migrations: numbered SQL files, each applied once, in order, in one transaction with the record of it.

Safe to run again and by several processes at once: an advisory lock lets one work and the others find it done.  They
work in the schema of DATABASE_URL, which is made if it is not there.
"""

from __future__ import annotations

import functools
import zlib
from pathlib import Path

import asyncpg

from harness.backend.postgres import FAILURES, connect_arguments, is_failure, translated
from harness.backend.settings import Settings

FOLDER = Path(__file__).parent / "migrations"


@functools.cache  # every health probe asks, and reading the folder was a third of the API's work under load
def versions() -> tuple[str, ...]:
    """Return the names of the migrations that this program needs, in order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("[0-9]*.sql")))


async def migrate(settings: Settings) -> list[str]:
    """Apply what is missing and return its names; raises DependencyDown where PostgreSQL cannot be used."""
    try:
        connection = await asyncpg.connect(**connect_arguments(settings))
        try:
            async with connection.transaction():
                return await _apply_missing(connection, settings.database.schema, settings.database.quoted_schema)
        finally:
            connection.terminate()
    except FAILURES as error:
        if is_failure(error):
            raise translated(error) from error
        raise


async def _apply_missing(connection: asyncpg.Connection[asyncpg.Record], schema: str, quoted: str) -> list[str]:
    await connection.execute("SELECT pg_advisory_xact_lock($1)", zlib.crc32(f"errorpath {schema}".encode()))
    if not await connection.fetchval("SELECT true FROM pg_namespace WHERE nspname = $1", schema):
        await connection.execute(f"CREATE SCHEMA {quoted}")  # asked first: IF NOT EXISTS still needs the privilege
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations"
        " (version text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
    )
    applied = {row["version"] for row in await connection.fetch("SELECT version FROM migrations")}
    missing = [version for version in versions() if version not in applied]
    for version in missing:
        await connection.execute((FOLDER / f"{version}.sql").read_text(encoding="utf-8"))
        await connection.execute("INSERT INTO migrations (version) VALUES ($1)", version)
    return missing
