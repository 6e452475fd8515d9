"""The page of a load run."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from harness.report.page import load_page, saved
from tests.report.page.a_run import a_run, cut_short, hostile
from tests.report.page.markup import Page

FIGURES = ["timeline", "rate", "times", "errors", "attempts"]


def _page(data: dict[str, Any]) -> Page:
    return Page(load_page.html(data))


def _missing(page: Page) -> list[str]:
    return [element.text for element in page.all("p", class_="missing")]


def test_the_broken_gates_come_first_with_their_figures_limits_phases_and_paths() -> None:
    """
    The heading counts them, and each is a row with a mark that is also a word.
    """
    page = _page(a_run())

    assert "6 of 20 gates are broken" == page.one("h1").text
    rows = [row.text.strip() for row in page.all("tr", class_="gate")]
    assert 20 == len(rows)
    assert "✗brokenerror rateupstream refuses · all paths85.3%at most 5%" == rows[0]
    assert [row.startswith("✗broken") for row in rows] == [True] * 6 + [False] * 14


def test_every_figure_is_drawn_with_every_window_and_phase() -> None:
    """
    Five figures share the time axis; each shades all six windows and says what it shows in words.
    """
    page = _page(a_run())

    assert FIGURES == [figure.attributes["id"] for figure in page.all("figure")]
    assert 6 * len(FIGURES) == len(page.all("rect", class_="window"))
    assert 4 * 9 == len(page.all("line", class_="boundary"))
    named = [svg.attributes["aria-labelledby"].split() for svg in page.all("svg", role="img")]
    texts = {element.attributes["id"]: element.text for element in page.elements if "id" in element.attributes}
    assert [2] * 5 == [sum(bool(texts[name]) for name in names) for names in named]


def test_a_window_tells_its_fault_its_hop_and_its_witness() -> None:
    """
    In the table, and in the drawing to whoever points at it.
    """
    page = _page(a_run())

    said = "refused on redis, 34.1–38.5 s, in redis away. a connect of our own to the redis link was refused"
    assert 5 == sum(said in title.text for title in page.all("title"))
    assert [6] == [len(page.all("tr", class_="fault"))]


def test_phases_and_paths_are_told_in_full() -> None:
    """
    A table of all paths together, and one of each phase's paths, the control's among them.
    """
    page = _page(a_run())

    tables = page.all("table", class_="figures")
    assert 1 + 12 == len(tables)
    assert "upstream refuses1635.2013.0%85.3%0" in tables[0].text.replace("\n", "")
    assert all("POST /credits/spend" in table.text for table in tables[1:])


def test_the_bottleneck_and_the_command_are_named() -> None:
    """
    Who was busy, and how to run it again; a file that holds the whole command is believed.
    """
    assert "Bottleneck: the machine: all 2 cores were busy" in _page(a_run()).one("section", id="cpu").text
    assert _page(a_run()).one("pre").text.startswith("errorpath load --target reference --users 10 --rate 40 ")
    assert "errorpath load --gates g.toml" == _page(a_run(reproduce="errorpath load --gates g.toml")).one("pre").text


def test_no_text_becomes_markup_whatever_it_holds() -> None:
    """
    Every name, path, message and witness is text: the elements are those of a harmless run, and one script runs.
    """
    usual, page = _page(a_run()), _page(hostile(a_run(troubles=["it broke"])))

    assert {element.tag for element in usual.elements} == {element.tag for element in page.elements} - {"ul", "li"}
    assert ["application/json", ""] == [script.attributes.get("type", "") for script in page.all("script")]
    assert not [name for element in page.elements for name in element.attributes if name.startswith("on")]
    assert "<script>owned=1</script>" in page.one("section", id="troubles").text
    readings = json.loads(page.one("script", id="readings").text)
    assert any("<script>owned=1</script>" in phase[2] for phase in readings["phases"])


def test_the_page_lets_nothing_be_loaded_and_only_its_own_script_run() -> None:
    """
    Its policy holds the hash of the script it has; no element names another address.
    """
    page = _page(a_run())

    policy = page.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
    script = page.all("script")[-1].text
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}';")
    addresses = [e.attributes[name] for e in page.elements for name in ("src", "href") if name in e.attributes]
    assert ["data:,", "load.json"] == addresses


def test_an_interrupted_run_says_so_and_shows_what_there_is() -> None:
    """
    Its open window is drawn to the end, and what was not seen to the end is said.
    """
    page = _page(cut_short(a_run()))

    assert "Interrupted" == page.one("h1").text
    assert page.one("p", id="interrupted")
    assert ["Whether a request stayed unanswered was not seen to the end."] == _missing(page)
    assert FIGURES == [figure.attributes["id"] for figure in page.all("figure")]


def test_a_run_without_a_control_says_so_and_overlays_nothing() -> None:
    """
    No light line and no level is drawn, and no legend names one.
    """
    page = _page(a_run(control=None))

    assert ["No control was measured, so nothing is overlaid for comparison."] == _missing(page)
    assert [] == [path for look in ("control", "level", "band") for path in page.all("path", class_=look)]


def test_a_run_that_ended_before_its_load_still_has_a_page() -> None:
    """
    Nothing but what was asked for is known: each missing part is named.
    """
    nothing: dict[str, Any] = {"gates": [], "phases": [], "windows": []}
    nothing |= {"stuck": None, "series": None, "control": None, "cpu": None}

    page = _page(a_run(exit=3, troubles=["no backend"], **nothing))

    assert "Nothing can be said" == page.one("h1").text
    assert 8 == len(_missing(page))
    assert [] == page.all("figure")


def test_attempts_that_cannot_be_told_are_not_drawn_as_none() -> None:
    """
    A proxy that does not hand the request's id on: the page says that, and draws the refused connects alone.
    """
    data = a_run()
    data["series"]["attempts"]["reached"] = None

    figure = _page(data).one("figure", id="attempts").text

    assert "cannot be told: the proxy does not hand a request’s id on. 30 connects to it were refused." in figure
    assert "reached the upstream" not in figure


def test_time_spent_waiting_to_be_sent_has_a_figure_of_its_own() -> None:
    """
    Where response time and service time differ, a stall of the generator's users is not hidden.
    """
    data = a_run()
    data["series"]["p95_ms"][30] = 5000.0
    data["series"]["service_p95_ms"][30] = 15.0

    answer = _page(data).one("figure", id="waiting").text

    assert "Up to 4.99 s of the p95, at 30 s in “after refusals”" in answer


def test_a_measured_run_is_read_back_whole(tmp_path: Path) -> None:
    """
    Reading back what was written changes nothing.
    """
    path = tmp_path / saved.NAME
    path.write_text(json.dumps(a_run()), "utf-8")

    assert a_run() == saved.read(path)
