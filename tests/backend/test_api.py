"""The API's promises while all is well."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import asyncpg
import pytest

from tests.backend.rig import PASSWORD, Rig


def test_login_sets_a_cookie_that_no_script_can_read(rig: Rig) -> None:
    """
    Logging in answers with the profile and an httpOnly cookie, and that cookie is the session.
    """
    user = rig.backend.user()
    email = user.get("/api/users/profile").json()["email"]
    client = rig.backend.client()

    answer = client.post("/api/auth/login", json={"email": email.upper(), "password": PASSWORD})

    assert (answer.status_code, answer.json()["email"]) == (200, email)
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
    assert client.get("/api/users/profile").json()["email"] == email


def test_logout_ends_the_session(rig: Rig) -> None:
    """
    After logging out the client has no cookie and is asked to log in.
    """
    user = rig.backend.user()

    assert user.post("/api/auth/logout").status_code == 204

    assert user.get("/api/users/profile").status_code == 401


@pytest.mark.parametrize("email", ["demo@sora2.example", "nobody@sora2.example"])
def test_wrong_login_does_not_tell_whether_the_user_exists(rig: Rig, email: str) -> None:
    """
    A wrong password and an unknown address get the same answer.
    """
    with rig.backend.client() as client:
        answer = client.post("/api/auth/login", json={"email": email, "password": "wrong"})

    assert (answer.status_code, answer.json()["detail"]) == (401, "the address or the password is wrong")


def test_spending_writes_one_entry_for_each_execution(rig: Rig) -> None:
    """
    A request sent twice is carried out twice, each time with an entry that bears its request id.
    """
    user = rig.backend.user()
    request_id = uuid4().hex

    for _ in range(2):
        user.post("/api/credits/spend", json={"amount": 7}, headers={"X-Errorpath-Request": request_id})

    entries = [entry for entry in user.get("/api/credits/ledger").json() if entry["requestId"] == request_id]
    assert [(entry["amount"], entry["balanceAfter"]) for entry in entries] == [(-7, 86), (-7, 93)]
    assert rig.executions(request_id) == 2


def test_spending_with_a_key_happens_once(rig: Rig) -> None:
    """
    Requests with one Idempotency-Key, also at the same time, are carried out once; all get the first answer.
    """
    user = rig.backend.user()
    request_id = uuid4().hex
    headers = {"X-Errorpath-Request": request_id, "Idempotency-Key": uuid4().hex}

    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: user.post("/api/credits/spend", json={"amount": 7}, headers=headers), range(8))
        )

    assert {answer.text for answer in answers} == {answers[0].text}
    assert sorted(answer.headers.get("Idempotent-Replayed", "") for answer in answers) == [""] + ["true"] * 7
    assert rig.executions(request_id) == 1


def test_key_belongs_to_one_request(rig: Rig) -> None:
    """
    An Idempotency-Key that comes back with another body is refused, and nothing is spent.
    """
    user = rig.backend.user()
    headers = {"Idempotency-Key": uuid4().hex}
    user.post("/api/credits/spend", json={"amount": 7}, headers=headers)

    answer = user.post("/api/credits/spend", json={"amount": 8}, headers=headers)

    assert answer.status_code == 422
    assert user.get("/api/credits/balance").json() == {"balance": 93}


def test_balance_is_never_negative(rig: Rig) -> None:
    """
    Of spenders at the same time exactly as many succeed as there are credits for; the others get 402.
    """
    user = rig.backend.user()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(
            pool.map(lambda _: user.post("/api/credits/spend", json={"amount": 30}).status_code, range(8))
        )

    assert sorted(statuses) == [200] * 3 + [402] * 5
    assert user.get("/api/credits/balance").json() == {"balance": 10}


def test_balance_is_cached_until_something_is_spent(rig: Rig) -> None:
    """
    A second look comes from Redis; after spending, the look is fresh.
    """
    user = rig.backend.user()

    def look() -> tuple[str, int]:
        answer = user.get("/api/credits/balance")
        return answer.headers["X-Cache"], answer.json()["balance"]

    assert [look(), look()] == [("miss", 100), ("hit", 100)]
    user.post("/api/credits/spend", json={"amount": 1})
    assert look() == ("miss", 99)


@pytest.mark.parametrize("change", ["UPDATE ledger SET amount = 0", "DELETE FROM ledger", "TRUNCATE ledger"])
def test_ledger_is_append_only(rig: Rig, change: str) -> None:
    """
    PostgreSQL itself refuses to change or delete an entry.
    """
    rig.backend.user()

    with pytest.raises(asyncpg.RestrictViolationError, match="ledger is append-only"):
        rig.rows(change)


def test_every_write_of_a_video_is_counted(rig: Rig) -> None:
    """
    POST, PUT, PATCH and DELETE each leave one execution with the request's id and method.
    """
    user = rig.backend.user()
    request_id = uuid4().hex
    user.headers["X-Request-ID"] = request_id

    made = user.post("/api/videos/generate", json={"prompt": "a cat", "durationS": 10})
    where = made.headers["Location"]
    named = user.put(where, json={"title": "Cat"}).json()
    longer = user.patch(where, json={"extendS": 5}).json()
    listed = user.get("/api/videos").json()
    gone = [user.delete(where).status_code, user.delete(where).status_code, user.get(where).status_code]

    assert (made.status_code, named["title"], longer["durationS"], len(listed)) == (202, "Cat", 15, 1)
    assert gone == [204, 204, 404]
    counted = rig.rows("SELECT method FROM executions WHERE request_id = $1 ORDER BY id", request_id)
    assert counted == [("POST",), ("PUT",), ("PATCH",), ("DELETE",), ("DELETE",)]


def test_nobody_sees_what_is_not_theirs(rig: Rig) -> None:
    """
    Another user's video does not exist for any method.
    """
    where = rig.backend.user().post("/api/videos/generate", json={"prompt": "a cat"}).headers["Location"]
    other = rig.backend.user()

    statuses = [
        other.get(where).status_code,
        other.put(where, json={"title": "mine"}).status_code,
        other.patch(where, json={"extendS": 1}).status_code,
        other.delete(where).status_code,
    ]

    assert statuses == [404, 404, 404, 404]


def test_refusals_have_one_form(rig: Rig) -> None:
    """
    A body that does not fit, a text that PostgreSQL cannot keep, an unknown route and a missing session are problems
    in RFC 9457's form, with the request's id.
    """
    user = rig.backend.user()

    with rig.backend.client() as nobody:
        answers = [
            user.post("/api/credits/spend", json={"amount": 0}),
            user.post("/api/videos/generate", json={"prompt": "a NUL \0"}),
            user.get("/api/nothing"),
            nobody.get("/api/users/profile"),
        ]

    assert [answer.status_code for answer in answers] == [422, 422, 404, 401]
    for answer in answers:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["requestId"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("origin", "allowed"), [("http://localhost:3200", "http://localhost:3200"), ("http://evil.example", None)]
)
def test_credentials_are_allowed_to_the_frontend_only(rig: Rig, origin: str, allowed: str | None) -> None:
    """
    CORS headers, on errors too, name the configured frontend and nobody else.
    """
    with rig.backend.client() as client:
        answer = client.get("/api/users/profile", headers={"Origin": origin})

    assert answer.status_code == 401
    assert answer.headers.get("Access-Control-Allow-Origin") == allowed


def test_api_docs_are_served(rig: Rig) -> None:
    """
    /api-docs is a page, and the description behind it knows every route.
    """
    with rig.backend.client() as client:
        page = client.get("/api-docs")
        paths = client.get("/openapi.json").json()["paths"]

    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert {"/api/health", "/api/credits/spend", "/api/videos/{video_id}"} <= set(paths)
