"""What the API does while PostgreSQL or Redis fail, and that it comes back by itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from harness.clock import now, poll_until
from harness.ledger import Ledger
from tests.backend.rig import Rig, await_waiting

OPERATION_S = 1.5  # DB_OPERATION_TIMEOUT of the rig
GRACE_S = 1.5  # a busy machine


def spend(user: httpx.Client, request_id: str = "") -> httpx.Response:
    return user.post(
        "/api/credits/spend", json={"amount": 1}, headers={"X-Errorpath-Request": request_id or uuid4().hex}
    )


def expect_down(answer: httpx.Response, dependency: str, reason: str, outcome: str = "failed") -> None:
    problem = answer.json()
    said = (answer.status_code, problem["dependency"], problem["reason"], problem["outcome"])
    assert said == (503, dependency, reason, outcome)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_refused_database_is_a_503_that_names_it(rig: Rig) -> None:
    """
    While PostgreSQL refuses, a request gets a 503 that names it, the log has a line, and the next one is served.
    """
    user = rig.backend.user()
    request_id = uuid4().hex

    with rig.postgres.refused():
        answer = spend(user, request_id)

    expect_down(answer, "postgres", "refused the connection")
    logged = [line for line in rig.backend.process.output().splitlines() if request_id in line and "postgres" in line]
    assert any('"reason":"refused the connection"' in line for line in logged), logged
    assert spend(user).status_code == 200


def test_silent_database_is_bounded_and_the_pool_heals(rig: Rig) -> None:
    """
    More requests than the pool has connections, all into a black hole, end within their bounds; afterwards all work.
    """
    user = rig.backend.user()
    spend(user)

    with rig.postgres.silent():
        began = now()
        with ThreadPoolExecutor(15) as pool:
            answers = list(pool.map(lambda _: spend(user), range(15)))
        took_s = now() - began

    assert {answer.status_code for answer in answers} == {503}
    assert 0.7 <= took_s <= OPERATION_S + 1.0 + GRACE_S  # the rig's DB_ACQUIRE_TIMEOUT is 1 s
    with ThreadPoolExecutor(10) as pool:
        assert {answer.status_code for answer in pool.map(lambda _: spend(user), range(10))} == {200}


def test_cut_transaction_leaves_nothing_behind(rig: Rig) -> None:
    """
    A reset in the middle of a transaction is a 503; no half-written row is found, and the balance is what it was.
    """
    user = rig.backend.user()
    request_id = uuid4().hex

    with ThreadPoolExecutor(1) as pool, Ledger(rig.database_url).entries_locked():
        spending = pool.submit(spend, user, request_id)
        await_waiting(rig.database_url)
        rig.postgres.cut()
        answer = spending.result(5)

    assert (answer.status_code, answer.json()["dependency"], answer.json()["outcome"]) == (503, "postgres", "failed")
    assert rig.executions(request_id) == 0
    assert user.get("/api/credits/balance").json() == {"balance": 100}


def test_cut_off_transaction_holds_no_lock(rig: Rig) -> None:
    """
    A transaction that went silent in the middle gives its row lock back while the silence lasts, so that others work.
    """
    user = rig.backend.user()
    request_id = uuid4().hex

    with ThreadPoolExecutor(1) as pool, rig.postgres.silenced_later() as silence:
        with Ledger(rig.database_url).entries_locked():
            spending = pool.submit(spend, user, request_id)
            await_waiting(rig.database_url)
            silence()
        answer = spending.result(10)
        others = rig.rows("SELECT balance FROM accounts FOR UPDATE")

    expect_down(answer, "postgres", "gave no answer in time")
    assert len(others) >= 1
    assert rig.executions(request_id) == 0


def test_lost_commit_is_called_unknown(rig: Rig) -> None:
    """
    Where the answer to COMMIT is lost, the 503 says that the outcome is unknown; here, it did happen, once.
    """
    user = rig.backend.user()
    request_id = uuid4().hex

    rig.postgres.lose_answer_to(b"COMMIT")
    answer = spend(user, request_id)

    assert (answer.status_code, answer.json()["outcome"]) == (503, "unknown")
    assert rig.executions(request_id) == 1


def test_a_spending_of_unknown_outcome_is_not_hidden_by_the_cache(rig: Rig) -> None:
    """
    Where the answer to COMMIT is lost, the balance that was kept is forgotten, and the next one told is the true one.
    """
    user = rig.backend.user()
    before = [user.get("/api/credits/balance") for _ in range(2)]

    rig.postgres.lose_answer_to(b"COMMIT")
    spend(user)
    after = user.get("/api/credits/balance")

    assert [answer.headers["X-Cache"] for answer in (*before, after)] == ["miss", "hit", "miss"]
    assert [answer.json()["balance"] for answer in (*before, after)] == [100, 100, 99]


def test_terminated_connections_are_replaced(rig: Rig) -> None:
    """
    After pg_terminate_backend on every connection the next requests are served.
    """
    user = rig.backend.user()
    ours = "FROM pg_stat_activity WHERE application_name = 'errorpath-backend' AND datname = current_database()"

    ended = rig.rows(f"SELECT pg_terminate_backend(pid) {ours}")

    assert len(ended) >= 1
    poll_until(lambda: not rig.rows(f"SELECT 1 {ours}"), within_s=5, what="the connections to end")
    assert [spend(user).status_code for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize("fault", ["refused", "silent"])
def test_api_answers_without_its_cache(rig: Rig, fault: str) -> None:
    """
    While Redis refuses or says nothing, reading and spending work, within REDIS_TIMEOUT; then it is used again.
    """
    user = rig.backend.user()

    with {"refused": rig.redis.refused, "silent": rig.redis.silent}[fault]():
        began = now()
        answer = user.get("/api/credits/balance")
        spent = spend(user)
        took_s = now() - began

    assert (answer.status_code, answer.headers["X-Cache"], spent.status_code) == (200, "bypass", 200)
    assert took_s <= 2 * 0.3 + GRACE_S  # the rig's REDIS_TIMEOUT, once for each request
    assert [user.get("/api/credits/balance").headers["X-Cache"] for _ in range(2)] == ["miss", "hit"]
