"""Starting, stopping and migrating: exit codes, and messages that say what to do."""

from __future__ import annotations

import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

from harness.clock import now, poll_until
from harness.ledger import Ledger
from tests.backend.rig import START_S, Program, Rig, await_waiting, rows

GRACE_S = 2.0  # a busy machine
NOWHERE = "postgresql://sora2user:sora2pass@127.0.0.1:1/sora2"


def test_bad_settings_are_named_and_nothing_starts(program: Program) -> None:
    """
    Settings that are wrong end the start with exit code 2 and the name of each; secrets are not repeated.
    """
    process = program.start(PORT="abc", DATABASE_URL="mysql://u:hidden@h/d", JWT_SECRET="hidden", NODE_ENV="prod")

    assert process.wait(START_S) == 2
    output = process.output()
    assert [line.split(":")[0] for line in output.splitlines()] == [
        "bad setting",
        "PORT=abc",
        "NODE_ENV=prod",
        "DATABASE_URL",
        "JWT_SECRET",
    ]
    assert "hidden" not in output


def test_port_in_use_is_said_at_once(program: Program) -> None:
    """
    A taken port ends the start with exit code 1 and a message: the port, who holds it, how to choose another.
    """
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]

        began = now()
        process = program.start(DATABASE_URL=NOWHERE, PORT=str(port))
        code = process.wait(START_S)

    assert code == 1
    assert now() - began <= 2.0 + GRACE_S
    output = process.output()
    assert f"EADDRINUSE: address already in use 127.0.0.1:{port}" in output
    assert f"lsof -i :{port}" in output
    assert f"PORT={port + 1} python -m harness.backend" in output


def test_log_is_a_file_of_json_lines(rig: Rig) -> None:
    """
    Each request is a JSON line in LOG_DIR/combined.log, with its id and without its query.
    """
    request_id = uuid4().hex
    with rig.backend.client() as client:
        client.get("/api/users/profile?password=hidden", headers={"X-Request-ID": request_id})

    log = Path(rig.program.settings["LOG_DIR"]) / "combined.log"
    # The line is written when the request is over, which is after the client has the answer.
    poll_until(lambda: request_id in log.read_text("utf-8"), within_s=GRACE_S, what="the line")

    text = log.read_text("utf-8")
    lines = [line for line in map(json.loads, text.splitlines()) if line.get("request_id") == request_id]
    assert [(line["event"], line["path"], line["status"]) for line in lines] == [
        ("request", "/api/users/profile", 401)
    ]
    assert "hidden" not in text


def test_log_that_cannot_be_written_fails_no_request(program: Program) -> None:
    """
    Without its log file the backend says so once and serves.
    """
    backend = program.serve(DATABASE_URL=NOWHERE, LOG_DIR="/dev/null/logs")

    with backend.client() as client:
        status = client.get("/api-docs").status_code
    backend.stop()

    assert status == 200
    assert backend.process.output().count("the log file cannot be written") == 1


def test_migrating_again_changes_nothing(program: Program, database: str) -> None:
    """
    Run by two processes at once and then again, each migration is applied once; the last says "up to date".
    """
    together = [program.start("migrate", DATABASE_URL=database) for _ in range(2)]
    codes = [process.wait(START_S) for process in together]
    again = program.start("migrate", DATABASE_URL=database)

    assert (codes, again.wait(START_S)) == ([0, 0], 0)
    assert again.output() == "up to date\n"
    assert sum(process.output().count("applied 0001_users") for process in together) == 1


def test_prisma_schema_is_honoured(program: Program, database: str) -> None:
    """
    With ?schema= everything lives in that schema, which is made; Prisma's other parameters do no harm.
    """
    url = f"{database}?schema=Weird%20one&connection_limit=5&pool_timeout=0&sslmode=prefer"

    assert program.start("migrate", DATABASE_URL=url, NODE_ENV="production").wait(START_S) == 0

    tables = {name for (name,) in rows(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'Weird one'")}
    assert {"users", "ledger", "executions", "videos", "migrations"} <= tables
    assert rows(database, 'SELECT count(*) FROM "Weird one".users') == [(0,)]


def test_migrating_without_postgres_says_so(program: Program) -> None:
    """
    Where PostgreSQL refuses, migrate ends with exit code 1 and names the setting, without the password.
    """
    process = program.start("migrate", DATABASE_URL=NOWHERE)

    assert process.wait(START_S) == 1
    assert process.output() == "DATABASE_URL: postgres refused the connection\n"


def test_request_in_flight_is_finished(rig: Rig, program: Program, database: str) -> None:
    """
    A request that is waiting for a lock when SIGTERM comes is still answered; then the exit code is 0.
    """
    assert program.start("migrate", DATABASE_URL=database).wait(START_S) == 0
    backend = program.serve(DATABASE_URL=database, REDIS_URL=f"redis://127.0.0.1:{rig.redis.port}")
    user = backend.user()
    with ThreadPoolExecutor(1) as pool:
        with Ledger(database).entries_locked():
            spending = pool.submit(user.post, "/api/credits/spend", json={"amount": 1})
            await_waiting(database)
            backend.process.signal(signal.SIGTERM)
        answer = spending.result(5)
    code = backend.process.wait(START_S)
    backend.stop()

    assert (answer.status_code, code) == (200, 0)
