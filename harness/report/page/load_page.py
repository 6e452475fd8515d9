"""``load.html``: a load run on one page that needs nothing else, from the data of ``load.json``.

Law: the template escapes every text, and the page's own policy lets nothing be loaded and no script run but ours.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from harness.report.page import course, figures, scales, timeline, words

NAME = "load.html"
HERE = Path(__file__).parent
ALL = "all"
EACH_HELD = 8  # so many gates that held are read at a glance; more are folded away below the broken ones
FIRST_LINE = {
    0: ("held", "Every gate held"),
    1: ("broken", "A gate is broken"),
    3: ("unknown", "Nothing can be said"),
    130: ("unknown", "Interrupted"),
    143: ("unknown", "Terminated"),
}


def write(data: Mapping[str, Any], folder: Path) -> Path:
    """Write the page below ``folder`` whole or not at all; returns its path."""
    text = html(data)
    unfinished = folder / f".{NAME}.new"
    unfinished.write_text(text, "utf-8", errors="replace")
    unfinished.replace(folder / NAME)
    return folder / NAME


def html(data: Mapping[str, Any]) -> str:
    """The whole page as text."""
    return _template().render(**_context(data))


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (HERE / "page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals.update(
        words=words,
        gate_words=words.gate_words,
        style=Markup((HERE / "page.css").read_text("utf-8")),  # noqa: S704  # our own file
        script=Markup(script),  # noqa: S704  # our own file
        script_hash=Markup(f"sha256-{digest}"),  # noqa: S704  # base64
    )
    return environment.get_template("load.html.j2")


def _context(data: Mapping[str, Any]) -> dict[str, Any]:
    end = timeline.end_s(data)
    windows = timeline.windows(data, end)
    drawn = _figures(data, end)
    kind, verdict = _verdict(data)
    return {
        "data": data,
        "kind": kind,
        "verdict": verdict,
        "broken": [gate for gate in data["gates"] if not gate["held"]],
        "held": [gate for gate in data["gates"] if gate["held"]],
        "each_held": EACH_HELD,
        "end_s": end,
        "axis": [(round(100 * scales.place(at, end), 3), words.clock(at, end)) for at in scales.time_ticks(end)],
        "phases": timeline.phases(data, windows, end),
        "windows": windows,
        "figures": drawn,
        "every_s": course.grain(len(data["series"]["arrivals"])) if data["series"] else 1,
        "readings": _readings(data, end, drawn),
        "measured": [*(data["control"] or {"phases": []})["phases"], *data["phases"]],
        "whole": _whole,
        "reproduce": data.get("reproduce") or _command(data),
        "complete": "reproduce" in data,
    }


def _verdict(data: Mapping[str, Any]) -> tuple[str, str]:
    kind, said = FIRST_LINE[data["exit"]]
    gates = data["gates"]
    broken = sum(not gate["held"] for gate in gates)
    if broken:
        counted = f"{broken} of {words.plural(len(gates), 'gate')} {'is' if broken == 1 else 'are'} broken"
        return kind, counted if data["exit"] == 1 else f"{said}; {counted}"
    return kind, f"All {len(gates)} gates held" if data["exit"] == 0 and len(gates) > 1 else said


def _figures(data: Mapping[str, Any], end: float) -> list[figures.Figure]:
    if data["series"] is None:
        return []
    every_s = course.grain(len(data["series"]["arrivals"]))
    control = data["control"]
    usual = [_whole(phase) for phase in control["phases"] if phase["kind"] == "control"] if control else []
    drawing = figures.Drawing(
        run=course.course(data["series"], data["phases"], every_s),
        control=course.course(control["series"], control["phases"], every_s) if control else None,
        usual=usual[0] if usual else None,
        rate_per_s=data["traffic"]["rate_per_s"],
        end_s=end,
        phase_at=lambda at: next((p["name"] for p in data["phases"] if p["from_s"] <= at < p["to_s"]), ""),
        most_tries=_most_tries(data),
        control_end_s=len(control["series"]["arrivals"]) if control else 0.0,
        limits=list(_limits(data)),
    )
    return figures.all_of(drawing)


def _limits(data: Mapping[str, Any]) -> Iterator[figures.Limit]:
    for gate in data["gates"]:
        for phase in data["phases"]:
            if (gate["gate"], gate["path"], gate["phase"]) == ("p95", ALL, phase["name"]):
                yield figures.Limit(gate["limit"], phase["from_s"], phase["to_s"], gate["held"])


def _whole(phase: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A phase's row of all paths together."""
    return next((row for row in phase["paths"] if row["path"] == ALL), None)


def _most_tries(data: Mapping[str, Any]) -> tuple[float, str] | None:
    rows = [(_whole(phase), phase["name"]) for phase in data["phases"]]
    tries = [(row["attempts"]["per_request"], name) for row, name in rows if row]
    return max(((per, name) for per, name in tries if per is not None), default=None)


def _readings(data: Mapping[str, Any], end: float, drawn: list[figures.Figure]) -> dict[str, Any]:
    """What the script reads off, in the order of the legends."""
    return {
        "end": end,
        "every": course.grain(len(data["series"]["arrivals"])) if data["series"] else 1,
        "phases": [[phase["from_s"], phase["to_s"], phase["name"]] for phase in data["phases"]],
        "figures": {
            figure.id: {"unit": figure.unit, "values": [_short(curve.values) for curve in figure.legend]}
            for figure in drawn
        },
    }


def _short(points: scales.Points) -> list[float | None]:
    return [None if value is None else round(value, 2) for value in points]


def _command(data: Mapping[str, Any]) -> str:
    """The command of a file that does not hold its own: the schedule's gates and length are not known from it."""
    traffic = data["traffic"]
    flags = {
        "--target": data["target"],
        "--users": traffic["users"],
        "--rate": f"{traffic['rate_per_s']:g}",
        "--model": traffic["model"],
        "--seed": data["seed"],
        "--schedule": data["schedule"],
    }
    usual = {"--env": "embedded", "--toxiproxy": "embedded", "--workers": 0, "--processes": 0}
    chosen = {
        "--env": data["environment"],
        "--toxiproxy": data["toxiproxy"],
        "--workers": traffic["workers"],
        "--processes": traffic["processes"],
    }
    flags |= {flag: value for flag, value in chosen.items() if value != usual[flag]}
    return " ".join(["errorpath load", *(f"{flag} {shlex.quote(str(value))}" for flag, value in flags.items())])
