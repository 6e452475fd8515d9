"""The guide's users: they log in, look at their profile and balance, spend, and have videos made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
from gevent.lock import Semaphore

from harness.load import operations
from harness.load.generator.open_model import OpenModelUser
from harness.load.operations import LOGIN, Operation

AGAIN_S = 0.5


class GuideUser(OpenModelUser):
    """One of them.  The session of an account is shared by all users of the process who have it."""

    abstract = True
    sessions: dict[str, str] = {}  # noqa: RUF012 - one for all users, on purpose
    _logging_in = Semaphore()

    @property
    def _options(self) -> Any:
        return self.environment.parsed_options

    @property
    def email(self) -> str:
        """The account of this user."""
        emails = self._options.emails.split(",")
        return str(emails[self.number % len(emails)]).strip()

    def on_start(self) -> None:
        """Have a session, however long it takes; nothing of it is recorded."""
        with self._logging_in:
            while self.email not in self.sessions:
                answer = self.client.client.urlopen(
                    f"{self.host}{self._options.base}{LOGIN.path}",
                    method=LOGIN.method,
                    payload=operations.credentials(self.email, self._options.password),
                    headers={"Content-Type": "application/json"},
                )
                self._keep(answer)
                if self.email not in self.sessions:
                    gevent.sleep(AGAIN_S)

    def work(self) -> Iterator[Operation]:
        """By the seed and the user's name."""
        login = LOGIN.saying({"email": self.email, "password": self._options.password})
        for operation in operations.order(self._options.seed, self.name):
            yield login if operation is LOGIN else operation

    def gaps_s(self) -> Iterator[float]:
        """By the seed, the user's name and the rate."""
        options = self._options
        return operations.gaps_s(options.seed, self.name, options.rate, steady=options.arrivals == "steady")

    def headers(self) -> dict[str, str]:
        """The session."""
        return {"Cookie": self.sessions[self.email]}

    def answered(self, operation: Operation, response: Any) -> None:
        """A login brings a new session."""
        if operation.path == LOGIN.path:
            self._keep(response)

    def _keep(self, answer: Any) -> None:
        cookie = answer.headers.get("set-cookie") if answer.headers else None
        if answer.status_code == 200 and cookie:
            self.sessions[self.email] = str(cookie).partition(";")[0]
