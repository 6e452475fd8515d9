"""A rig in front of the real backend: the proxy, the API, PostgreSQL and Redis, and what the database says after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.backend_process import Backend, FreshBackend
from harness.clock import Clock, now, poll_until
from harness.environment.endpoints import WorkerEndpoints
from harness.environment.servers import Postgres
from harness.errors import HarnessError, NotInTime
from harness.ledger import Books, Ledger
from harness.rig import SETTLE_S, Rig
from harness.target.starts import Ended
from harness.traffic.exchange import Exchange
from harness.traffic.under_way import Pending

BALANCE = "/credits/balance"
SPEND = "/credits/spend"
TITLE = "a cat that was named"
VIDEO_WRITES: dict[str, dict[str, object] | None] = {
    "PUT": {"title": TITLE},
    "PATCH": {"extendS": 1},
    "DELETE": None,
}


@dataclass
class System(Rig):
    """The whole stack, for one scenario; requests carry the session of a seeded user."""

    backend: Backend = field(kw_only=True)
    fresh_servers: Callable[[], WorkerEndpoints] = field(kw_only=True)
    own_postgres: Postgres | None = field(kw_only=True, default=None)
    canary: str = BALANCE

    def __post_init__(self) -> None:
        self.canary_headers = self.session

    @cached_property
    def session(self) -> dict[str, str]:
        """The headers of a user who is logged in."""
        return self.backend.session()

    @property
    def ledger(self) -> Ledger:
        """The database, directly."""
        return Ledger(self.backend.servers.database_url)

    @property
    def postgres(self) -> Postgres:
        """The server of the database; HarnessError for a scenario that shares it with other workers."""
        if self.own_postgres is None:
            raise HarnessError("this scenario meddles with PostgreSQL itself: mark it with pytest.mark.own_postgres")
        return self.own_postgres

    @property
    def pool_size(self) -> int:
        """Connections to PostgreSQL that the backend has at most."""
        return int(self.backend.env["DB_POOL_SIZE"])

    # Requests of a user who is logged in

    def begin(self, method: str, path: str, **how: Any) -> Pending:
        """A request with the user's session."""
        headers = {**self.session, **dict(how.pop("headers", {}))}
        return super().begin(method, path, headers=headers, **how)

    def begin_spend(self, amount: int, key: str | None = None) -> Pending:
        """Spend credits, not idempotent unless it carries a key."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.begin("POST", SPEND, json={"amount": amount}, headers=headers)

    def spend(self, amount: int) -> Exchange:
        """Spend credits and wait."""
        return self.begin_spend(amount).exchange()

    def spend_together(self, count: int) -> list[Exchange]:
        """``count`` spendings at once."""
        self.progress.say(f"{count} × POST {SPEND} at once: waiting for the answers")
        return [pending.exchange() for pending in [self.begin_spend(1) for _ in range(count)]]

    def whole_pool_works(self) -> bool:
        """Whether as many spendings as there are connections to PostgreSQL are all served, sent at once.

        After a fault the API connects anew, within bounds as fast as the target: a busy machine may need two turns.
        """
        return {200} == {exchange.status for exchange in self.spend_together(self.pool_size)}

    @contextmanager
    def spendings_under_way(self, count: int) -> Iterator[list[Pending]]:
        """``count`` spendings in their transactions, the first half done; none can go on while the block lasts."""
        with self.ledger.entries_locked():
            under_way = [self.begin_spend(1) for _ in range(count)]
            self.until(lambda: self.ledger.waiting() == count, f"{count} transactions to wait for a lock")
            yield under_way

    def write(self, method: str) -> Exchange:
        """A write by this method: POST spends, PATCH lengthens a video, PUT names it, DELETE takes it away."""
        return self.begin_write(method).exchange()

    def begin_write(self, method: str, key: str | None = None) -> Pending:
        """The write of `write`, under way; ``key`` is its Idempotency-Key."""
        if method == "POST":
            return self.begin_spend(3, key)
        headers = {"Idempotency-Key": key} if key else {}
        return self.begin(method, f"/videos/{self.video}", json=VIDEO_WRITES[method], headers=headers)

    @cached_property
    def video(self) -> str:
        """The id of a video of this user, made past the proxy and every fault of its hop."""
        made = self.backend.client.post("/api/videos/generate", json={"prompt": "a cat"}, headers=self.session)
        if made.status != 202:
            raise HarnessError(f"the backend made no video: {made.summary()} {made.body[:200]!r}")
        return str(made.json()["id"])

    # What the database says

    def executions(self, exchange: Exchange) -> int:
        """How often PostgreSQL says the request was executed."""
        return self.ledger.executions(exchange.key)

    def effects(self, method: str) -> int:
        """How often the video shows the effect of `write`: PUT and DELETE show it once, however often executed."""
        video = self.ledger.video(self.video)
        shown = {"PUT": int(video.title == TITLE), "PATCH": video.revision - 1, "DELETE": int(video.deleted)}
        return shown[method]

    def books(self) -> Books:
        """What no failure may change."""
        return self.ledger.books()

    # The backend, directly

    def backend_get(self, path: str) -> Exchange:
        """GET past the proxy."""
        return self.backend.get(path)

    def until_health(self, code: int, *, status: str | None = None, word: str = "") -> Exchange:
        """The backend's health once it says ``code``, ``status`` and ``word``; ContractViolation when it does not."""
        self.progress.say(f"waiting for the backend's health to say {code} {status or word}")
        began, expected = now(), f"backend health {code} {status or word}"
        seen: list[Exchange] = []

        def said() -> Exchange | None:
            exchange = self.backend.health()
            seen.append(exchange)
            good = exchange.status == code and status in (None, exchange.json()["status"]) and word in exchange.text
            return exchange if good else None

        try:
            return poll_until(said, within_s=SETTLE_S, what=expected)
        except NotInTime:
            self.case.time(began)  # a stall makes it late
            self.case.claim(holds=False, expected=expected, actual=f"{seen[-1].status} {seen[-1].body!r}")
            raise

    def backend_log(self) -> str:
        """The backend's ``logs/combined.log``."""
        return self.backend.log()

    def kill_upstream(self) -> str:
        """SIGKILL to the backend."""
        return f"the backend was killed (exit {self.backend.kill()})"

    def begin_upstream(self) -> None:
        """Start the backend again, on its port."""
        self.progress.say("starting the backend again")
        self.backend.begin_again()

    def start_backend_on_a_taken_port(self) -> Ended:
        """How a second backend ends whose port is taken."""
        return self.backend.start_on_a_taken_port()

    def fresh_backend(self) -> AbstractContextManager[FreshBackend]:
        """A backend on a new, empty database."""
        self.progress.say("starting a backend on a fresh database")
        return self.backend.fresh(self.fresh_servers(), Clock())
