"""``errorpath up``: the whole stack on the documented ports, and a fault at the press of a key, until Ctrl-C.

What listens on a documented port is a link (a Toxiproxy proxy), so a fault hits whoever uses the port: the proxy
under test, or a person with curl or psql.
"""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations

from rich.console import Console

from harness.backend_process import LOGIN, Backend
from harness.choices import Choices
from harness.cli.arguments import DOCUMENTED_PORTS
from harness.cli.keys import Keys
from harness.cli.screen import Screen
from harness.clock import Clock
from harness.environment.chosen import Environment
from harness.environment.endpoints import for_worker
from harness.environment.rundir import RunDirectory
from harness.errors import Interrupted, UsageError
from harness.faults import Fault
from harness.faults.link import AnswerLost, AnswerReset, BlackHole, Latency, Refused
from harness.plan import Plan, plan
from harness.target.elsewhere import check_port, why_not_listen
from harness.target.launch import serve
from harness.target.speed import promised_settings
from harness.toxiproxy.client import Link, LinkServer

FAULTS: dict[str, tuple[str, Fault]] = {
    "1": ("the backend refuses", Refused()),
    "2": ("the backend answers 2 s later", Latency("upstream", 2)),
    "3": ("the backend's answers never come", AnswerLost()),
    "4": ("the backend's answers are reset", AnswerReset()),
    "5": ("PostgreSQL refuses", Refused("postgres")),
    "6": ("PostgreSQL stalls", BlackHole("postgres")),
    "7": ("Redis refuses", Refused("redis")),
    "8": ("Redis stalls", BlackHole("redis")),
}


@dataclass
class Switchboard:
    """The links of the stack, and which faults are on."""

    clock: Clock
    links: dict[str, Link] = field(default_factory=dict)
    on: dict[str, AbstractContextManager[object]] = field(default_factory=dict)

    @property
    def origin(self) -> None:
        """There is none here: the backend is real."""

    def link(self, hop: str) -> Link:
        """The link of a hop."""
        return self.links[hop]

    def toggle(self, key: str) -> str:
        """Apply the key's fault, or heal it; says which."""
        name, fault = FAULTS[key]
        applied = self.on.pop(key, None)
        if applied is not None:
            applied.__exit__(None, None, None)
            return f"healed: {name}"
        applied = fault.inject(self)  # type: ignore[arg-type]  # faults of links ask for no origin
        applied.__enter__()
        self.on[key] = applied
        return f"broken: {name}"

    def heal(self) -> None:
        """Heal everything."""
        for key in list(self.on):
            self.toggle(key)


def run(arguments: argparse.Namespace) -> int:
    """Start the stack, say where it is, obey keys until ``q``; raises Interrupted when a signal ends it."""
    ports = {hop: getattr(arguments, f"{hop}_port") for hop in DOCUMENTED_PORTS}
    _check(ports)
    chosen = plan(Choices(target=arguments.target, env=arguments.env, speed="real"))
    chosen.check_api()
    _free(ports)
    console = Screen(highlight=False)
    try:
        with ExitStack() as closing:
            board = _start(chosen, ports, closing, console)
            closing.callback(board.heal)
            _obey(board, console)
    except Interrupted:
        console.print("stopped; nothing is left")
        raise
    console.print("stopped; nothing is left")
    return 0


def _check(ports: dict[str, int]) -> None:
    """Raise UsageError for a port that cannot be one, or that two of them are to have."""
    for hop, port in ports.items():
        check_port(f"--{hop}-port", port)
    for one, other in combinations(ports, 2):
        if ports[one] == ports[other]:
            raise UsageError(
                f"--{one}-port and --{other}-port are both {ports[one]}; give each a port of its own "
                f"(the documented ones are {DOCUMENTED_PORTS[one]} and {DOCUMENTED_PORTS[other]})"
            )


def _free(ports: dict[str, int]) -> None:
    """Raise UsageError for a port that somebody else has."""
    for hop, port in ports.items():
        trouble = why_not_listen(port)
        if trouble is not None:
            raise UsageError(
                f"--{hop}-port {port}: cannot be used ({trouble}); `lsof -i :{port}` tells who holds it, "
                f"`errorpath up --{hop}-port N` takes another"
            )


def _start(chosen: Plan, ports: dict[str, int], closing: ExitStack, console: Console) -> Switchboard:
    directory = closing.enter_context(RunDirectory.create())
    environment = Environment(chosen.choices.env)
    closing.callback(environment.stop)
    console.print("starting PostgreSQL, Redis and the links …")
    endpoints = environment.start(directory)
    servers = for_worker(endpoints, "up")
    board = Switchboard(chosen.clock)
    link = partial(_link, LinkServer(endpoints.toxiproxy), ports)
    board.links["postgres"] = link("postgres", "{}:{}".format(*servers.postgres_address))
    board.links["redis"] = link("redis", "{}:{}".format(*servers.redis_address))
    console.print("starting the backend: migrations, then the API …")
    backend = Backend.start(directory, servers, board.links["postgres"], board.links["redis"], chosen.clock)
    closing.callback(backend.stop)
    board.links["upstream"] = link("upstream", f"127.0.0.1:{backend.port}")
    _start_proxy(chosen, ports, directory, console)
    database = servers.through(postgres=board.links["postgres"].listen).database_url
    console.print(f"""
  proxy       http://localhost:{ports["proxy"]}{chosen.target.routes.base}/health
  backend     http://localhost:{ports["upstream"]}{chosen.target.routes.upstream_base}/health
  API docs    http://localhost:{ports["upstream"]}/api-docs
  PostgreSQL  {database}
  Redis       {servers.through(redis=board.links["redis"].listen).redis_url}
  Toxiproxy   http://{endpoints.toxiproxy}/proxies
  log in as   {LOGIN["email"]} with the password {LOGIN["password"]}
  logs        {directory.path / "logs"}
""")
    return board


def _link(server: LinkServer, ports: dict[str, int], hop: str, upstream: str) -> Link:
    return server.create(hop, upstream, listen=f"127.0.0.1:{ports[hop]}")


def _start_proxy(chosen: Plan, ports: dict[str, int], directory: RunDirectory, console: Console) -> None:
    console.print(f"starting {chosen.target.name} …")
    serve(
        chosen.target,
        port=ports["proxy"],
        upstream=f"http://localhost:{ports['upstream']}",
        run=directory,
        clock=chosen.clock,
        settings=promised_settings(chosen.target, chosen.contract),
    )


def _obey(board: Switchboard, console: Console) -> None:
    with Keys() as keys:
        if keys.readable:
            for key, (name, _) in FAULTS.items():
                console.print(f"  {key}  {name}")
            console.print("  h  heal everything     q  quit\n")
        else:
            console.print("Ctrl-C stops everything")
        while (key := keys.read()) != "q":
            if key in FAULTS:
                console.print(board.toggle(key))
            elif key == "h":
                board.heal()
                console.print("everything is healed")
