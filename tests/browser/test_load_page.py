"""The page of a load run in a real browser.  ``.ci/browser.sh`` finds or installs one, and says where."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from harness.report.page import load_page
from tests.browser.looking import looked_at
from tests.report.page.a_run import a_run, cut_short, hostile

CHROMIUM = os.environ.get("ERRORPATH_CHROMIUM", "")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no browser: ERRORPATH_CHROMIUM is not set")

FIGURES = ["timeline", "rate", "times", "errors", "attempts"]
CURVES = 4  # of the times: p50, p95, p99 and the control's p95
READABLE_PX = 11.0


def _seen(data: dict[str, Any], folder: Path, *, width: int, dark: bool = False) -> dict[str, Any]:
    return looked_at(CHROMIUM, load_page.html(data), folder, width=width, dark=dark)


@pytest.mark.parametrize("width", [1280, 400])
def test_gates_figures_and_windows_are_there_at_every_width(width: int, tmp_path: Path) -> None:
    """
    Nothing is wider than the window, no text in a figure is too small to read, and what was measured can be seen.
    """
    seen = _seen(a_run(), tmp_path, width=width)

    assert {"gates": 20, "broken": 6, "windows": 6} == {key: seen[key] for key in ("gates", "broken", "windows")}
    assert FIGURES == seen["figures"]
    assert CURVES == seen["curves"]
    assert (0, []) == (max(seen["scrollable"], 0), seen["wide"])
    assert seen["smallest"] >= READABLE_PX


def test_nothing_is_loaded_but_the_page_itself(tmp_path: Path) -> None:
    """
    The browser asks for the page, and for nothing else from anywhere.
    """
    seen = _seen(a_run(), tmp_path, width=1280)

    assert ["/look.html", "/load.html"] == seen["asked"]
    assert [] == seen["loaded"]


def test_no_hostile_text_runs_loads_or_breaks_out(tmp_path: Path) -> None:
    """
    Names and messages that end what they stand in and bring a script and an image: neither is there.
    """
    seen = _seen(hostile(a_run(troubles=["it broke"])), tmp_path, width=400)

    assert (None, 0, []) == (seen["owned"], seen["images"], seen["loaded"])
    assert (0, []) == (max(seen["scrollable"], 0), seen["wide"])
    assert FIGURES == seen["figures"]


def test_the_figures_can_be_read_off(tmp_path: Path) -> None:
    """
    Pointing at the middle of a figure says what was measured there: our script is let run by the page's own policy.
    """
    data = a_run()
    seen = _seen(data, tmp_path, width=1280)

    middle = len(data["series"]["arrivals"]) // 2
    expected = [str(data["series"][name][middle]) for name in ("arrivals", "good")]
    assert expected == seen["readings"][:2]


def test_a_dark_scheme_is_dark_and_an_interrupted_run_is_shown(tmp_path: Path) -> None:
    """
    The reader's scheme is followed, and a run cut short has the figures of what was measured.
    """
    light = _seen(cut_short(a_run()), tmp_path, width=400)
    dark = _seen(cut_short(a_run()), tmp_path / "dark", width=400, dark=True)

    assert ("rgb(253, 253, 251)", "rgb(21, 23, 26)") == (light["paper"], dark["paper"])
    assert FIGURES == light["figures"]
    assert (0, []) == (max(light["scrollable"], 0), light["wide"])
