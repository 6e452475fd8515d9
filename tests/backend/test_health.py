"""The health check: exact when all is well, and who is wrong when not, within its bound."""

from __future__ import annotations

import re

import pytest

from harness.clock import now, poll_until
from tests.backend.rig import START_S, Program, Rig

HEALTH_S = 0.8  # HEALTH_TIMEOUT of the rig
GRACE_S = 1.0  # a busy machine


def test_good_health_is_what_the_guide_shows(rig: Rig) -> None:
    """
    All well is 200 with status and timestamp and nothing else, byte for byte in the guide's form.
    """
    with rig.backend.client() as client:
        answer = client.get("/api/health")

    assert answer.status_code == 200
    assert re.fullmatch(r'\{"status":"ok","timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"\}', answer.text)


@pytest.mark.parametrize("fault", ["refused", "silent"])
def test_health_names_postgres(rig: Rig, fault: str) -> None:
    """
    PostgreSQL away is 503, named, within HEALTH_TIMEOUT; well again at the next look, without a restart.
    """
    with {"refused": rig.postgres.refused, "silent": rig.postgres.silent}[fault]():
        began = now()
        status, body = rig.health()
        took_s = now() - began

    said = {"refused": "refused the connection", "silent": "gave no answer in time"}[fault]
    assert (status, body["status"]) == (503, "error")
    assert body["dependencies"] == {"postgres": said, "redis": "ok"}
    assert took_s <= HEALTH_S + GRACE_S
    assert rig.health()[1]["status"] == "ok"


@pytest.mark.parametrize("fault", ["refused", "silent"])
def test_health_is_degraded_without_redis(rig: Rig, fault: str) -> None:
    """
    Redis away is 200 "degraded", named, since the API works; well again at the next look.
    """
    with {"refused": rig.redis.refused, "silent": rig.redis.silent}[fault]():
        status, body = rig.health()

    said = {"refused": "refused the connection", "silent": "gave no answer in time"}[fault]
    assert (status, body["status"]) == (200, "degraded")
    assert body["dependencies"] == {"postgres": "ok", "redis": said}
    assert rig.health()[1]["status"] == "ok"


def test_missing_migrations_are_said_and_mended(program: Program, database: str, rig: Rig) -> None:
    """
    On a fresh database health is 503 with the command to run; so are the routes; the command mends both.
    """
    backend = program.serve(DATABASE_URL=database, REDIS_URL=f"redis://127.0.0.1:{rig.redis.port}")
    with backend.client() as client:
        before = client.get("/api/health")
        route = client.post("/api/auth/login", json={"email": "demo@sora2.example", "password": "sora2-demo"})

        assert program.start("migrate", DATABASE_URL=database).wait(START_S) == 0

        after = client.get("/api/health")
        login = client.post("/api/auth/login", json={"email": "demo@sora2.example", "password": "sora2-demo"})
    backend.stop()

    assert before.status_code == route.status_code == 503
    assert before.json()["dependencies"]["migrations"] == "run: python -m harness.backend migrate"
    assert "python -m harness.backend migrate" in route.json()["detail"]
    assert (after.status_code, login.status_code) == (200, 200)


def test_backend_starts_before_its_dependencies(rig: Rig, program: Program) -> None:
    """
    Started while PostgreSQL and Redis refuse, the backend serves, says so, and is well once they are there.
    """
    with rig.postgres.refused(), rig.redis.refused():
        backend = program.serve(
            DATABASE_URL=rig.database_url.replace(
                rig.database_url.split(":")[-1].split("/")[0], str(rig.postgres.port)
            ),
            REDIS_URL=f"redis://127.0.0.1:{rig.redis.port}",
        )
        with backend.client() as client:
            began = client.get("/api/health")

    with backend.client() as client:
        poll_until(lambda: client.get("/api/health").json()["status"] == "ok", within_s=5, what="good health")
    backend.stop()

    assert (began.status_code, began.json()["dependencies"]) == (
        503,
        {"postgres": "refused the connection", "redis": "refused the connection"},
    )
