"""``promtool test rules`` on a history of ours: what Prometheus itself says of an alert."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from harness.alerts.history import NAME, History
from harness.target.metrics import Labels


def program() -> str | None:
    """``promtool``: the one that ``ERRORPATH_PROMTOOL`` names, else the one on PATH."""
    return os.environ.get("ERRORPATH_PROMTOOL") or shutil.which("promtool")


def agrees(
    promtool: str,
    folder: Path,
    name: str,
    expr: str,
    for_: str,
    history: History,
    fired: Mapping[float, list[Labels]],
) -> str:
    """Empty when Prometheus fires the alert at just the times and for the labels of ``fired``; else what it said.

    ``history`` begins at 0, and its series have a sample at each scrape or ``_``.
    """
    rules = {"groups": [{"name": "g", "rules": [{"alert": name, "expr": expr, "for": for_}]}]}
    (folder / "rules.yml").write_text(yaml.safe_dump(rules), "utf-8")
    series = [
        {"series": _selector(labels), "values": _values(samples, history)}
        for labels, samples in history.series.items()
    ]
    tests = [
        {
            "eval_time": f"{round(at)}s",
            "alertname": name,
            "exp_alerts": [{"exp_labels": {k: v for k, v in labels if k != NAME}} for labels in fired.get(at, [])],
        }
        for at in history.times()
    ]
    interval = f"{round(history.every_s)}s"
    whole = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": interval,
        "tests": [{"interval": interval, "input_series": series, "alert_rule_test": tests}],
    }
    (folder / "test.yml").write_text(yaml.safe_dump(whole), "utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=folder, check=False, capture_output=True, text=True
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _selector(labels: Labels) -> str:
    pairs = ", ".join(f'{name}="{value}"' for name, value in labels if name != NAME)
    return f"{dict(labels)[NAME]}{{{pairs}}}"


def _values(samples: list[tuple[float, float]], history: History) -> str:
    at = dict(samples)
    return " ".join(f"{at[time]:g}" if time in at else "_" for time in history.times())
