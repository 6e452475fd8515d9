"""From the guide's lines to error paths: what each part of it promises, in our words, and who checks it.

Law: every line of the guide is accounted for, once and in order.  A part that promises something names the error
paths that check it; one that promises nothing says why.  ``python -m harness.contract.traceability`` writes
``docs/traceability.md``, and a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from harness.contract.catalogue import BY_ID, CATALOGUE
from harness.contract.checks import checks

GUIDE_LINES = 262

_ROWS = """
1-11 | Overview | – | names the problem that the rest is about
12-25 | Start the Backend API Server | – | how the reader starts the guide's own project
26-32 | Start the Backend API Server | the API says at its start where it listens and where its documentation is | startup-banner
33-42 | Start the Frontend | – | how the reader starts the guide's own project
43-46 | Verify Both Servers Are Running | the proxy can be asked at its documented port; its banner names it | startup-banner
47-47 | Verify Both Servers Are Running | the API's health can be asked directly | health-same-body
48-49 | Verify Both Servers Are Running | the API has a page of documentation | api-docs
50-69 | Environment Variables | the settings have these names, and one that cannot be is named | bad-setting
70-78 | Port Configuration | each service's port is a setting, and a port that is taken is told | port-in-use bad-setting
79-82 | Proxy Route Improvements | – | says where the route's source is
83-84 | Automatic Retry Mechanism | a failed request is tried again, at most three times | retry-recovers retry-exhausted retry-count-setting retry-amplification
85-85 | Automatic Retry Mechanism | the retries wait 1, 2 and 3 seconds | retry-recovers retry-exhausted retry-within-deadline
86-87 | Automatic Retry Mechanism | what is repaired is the network's failures; answers stand, and writes are not doubled | retry-reset retry-empty-reply retry-not-for-status retry-write-refused retry-write-after-commit retry-write-with-key retry-body-intact
88-89 | Health Check Before Requests | the backend's health is asked before a request is sent | health-down health-bypass health-slow health-error-status
90-90 | Health Check Before Requests | the result is kept for five seconds | health-cached health-fails-fast health-expires health-recovers health-goes-down
91-92 | Health Check Before Requests | a backend that is down ends in an error that says so | health-down error-unavailable
93-94 | Request Timeout | no request hangs for longer than 30 seconds | timeout-covers-retries timeout-silent timeout-trickle timeout-connect timeout-slow-but-fine
95-95 | Request Timeout | the answer is then 504 | timeout-silent timeout-write error-timeout
96-97 | Request Timeout | the limit is a setting | timeout-setting
98-99 | Detailed Error Messages | a refused connection is named as what it is | error-refused
100-100 | Detailed Error Messages | so is a timeout | error-timeout
101-102 | Detailed Error Messages | each error says what to do | error-refused error-unavailable error-other
103-104 | Enhanced Logging | request and response are logged with their times | log-request
105-105 | Enhanced Logging | each retry is logged | log-retry
106-106 | Enhanced Logging | the sizes of the bodies are logged | log-request
107-108 | Enhanced Logging | what headers were forwarded is logged | log-headers
109-120 | Backend API Connection Refused | the error has this title, and says how to start the backend | error-refused retry-exhausted
121-129 | Request Timeout | the error has this title; the cause may be the database, which is bounded | error-timeout database-slow
130-133 | Backend API Unavailable | the error has this title when the health check failed, at a backend's start, too | error-unavailable backend-starting
134-135 | Backend API Unavailable | waiting a few seconds is enough once the backend is well | health-recovers backend-starting
136-136 | Backend API Unavailable | the API writes its log where the guide says | database-down
137-138 | Backend API Unavailable | the API's health depends on PostgreSQL and Redis | database-down redis-down redis-slow
139-154 | Port Already in Use | a taken port ends the start with EADDRINUSE, its holder can be found, another can be set | port-in-use
155-164 | Database Connection Issues | a database that is down is told in the log, and the API recovers | database-down database-reset database-slow
165-169 | Database Connection Issues | the migrations have a command that mends their lack | migrations-missing
170-181 | Quick Health Check | the API's health answers with status and timestamp | health-same-body
182-190 | Test Through Proxy | the proxy's health route gives the same | health-same-body health-bypass
191-197 | Browser DevTools | a browser sees the statuses and the errors' bodies | error-shape cors-on-error
198-223 | Development Workflow | – | how the reader works at the guide's own project; nothing the proxy promises
224-232 | Use environment-specific URLs | the backend's address is a setting | bad-setting
233-236 | Disable detailed error messages | stacks and what is sensitive are hidden in production, and only there | error-production error-development
237-242 | Adjust retry and timeout values | both numbers are settings, and take the production values | retry-count-setting timeout-setting
243-246 | Use proper CORS configuration | the origins that may send credentials are a setting | cors-allowed cors-other-origin
247-248 | Monitor API health | health can be watched | metrics metrics-health
249-249 | Monitor API health | failing connections raise an alert | metrics-alert metrics
250-251 | Monitor API health | the proxy's errors reach an external service | log-sink
252-255 | Summary | retries, again: three attempts after the first | retry-exhausted
256-256 | Summary | health checks, again | health-cached
257-257 | Summary | clear errors, again | error-refused error-timeout error-unavailable
258-258 | Summary | the timeout, again | timeout-silent
259-259 | Summary | logging, again | log-request
260-261 | Summary | browsers may send credentials, and errors can be read there | cors-allowed cors-preflight cors-on-error cors-vary
262-262 | Summary | – | advice to the reader
"""


@dataclass(frozen=True)
class Account:
    """What the guide's lines ``first`` to ``last`` promise, or why they promise nothing."""

    first: int
    last: int
    section: str
    promise: str | None
    paths: tuple[str, ...]
    why_none: str = ""


def accounts() -> tuple[Account, ...]:
    """The guide's parts in its own order."""
    return tuple(_read(row) for row in _ROWS.strip().splitlines())


def _read(row: str) -> Account:
    lines, section, promise, last = (cell.strip() for cell in row.split("|"))
    first, _, end = lines.partition("-")
    if promise == "–":
        return Account(int(first), int(end), section, None, (), last)
    return Account(int(first), int(end), section, promise, tuple(last.split()))


HEAD = """\
# From the guide to the error paths

Written by `python -m harness.contract.traceability`; a test compares it with the catalogue. Each part of the connection
guide, by section and line, with what it promises in our words and the error paths that check it.

| lines | section | promise | checked by |
|---|---|---|---|
"""

BEYOND = """
## Error paths that the guide does not name

A proxy owes these to its users all the same: **S** is a standard's rule, **W** the safety of writes, and a **G** stands
here where it follows from a promise above.

| error path | kind | source | promise |
|---|---|---|---|
"""


ASKED = """
## What the standards and the field ask

Each check with the error paths that hold a proxy to it: **M** must, **S** should. A check without a path asks for
something that the reference proxy does not have, and no promise is made of it.

| check | | what is asked | source | checked by |
|---|---|---|---|---|
"""


def page() -> str:
    """The text of ``docs/traceability.md``."""
    return HEAD + "".join(_guide_rows()) + BEYOND + "".join(_other_rows()) + ASKED + "".join(_check_rows())


def _guide_rows() -> Iterator[str]:
    for part in accounts():
        lines = f"{part.first}–{part.last}" if part.first != part.last else str(part.first)
        said = part.promise or f"nothing: {part.why_none}"
        yield f"| {lines} | {part.section} | {said} | {_listed(part.paths)} |\n"


def _other_rows() -> Iterator[str]:
    named = {path for part in accounts() for path in part.paths}
    for row in CATALOGUE:
        if row.id not in named:
            yield f"| `{row.id}` | {row.kind} | {row.source} | {row.title} |\n"


def _check_rows() -> Iterator[str]:
    for check in checks():
        yield f"| {check.id} | {check.level} | {check.asks} | {check.source} | {_listed(check.paths)} |\n"


def _listed(paths: tuple[str, ...]) -> str:
    return ", ".join(f"`{path}`" for path in paths) or "–"


def unknown_paths() -> list[str]:
    """Paths that an account names and the catalogue does not have."""
    named = [part.paths for part in accounts()] + [check.paths for check in checks()]
    return [path for paths in named for path in paths if path not in BY_ID]


if __name__ == "__main__":
    sys.stdout.write(page())
