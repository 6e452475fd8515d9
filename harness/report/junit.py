"""JUnit XML (the xunit2 form CI systems read): ``fail`` is a failure, ``invalid`` an error, ``n/a`` skipped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

JUNIT = "junit.xml"
_ELEMENT = {"fail": "failure", "invalid": "error", "n/a": "skipped"}


def write_junit(results: Mapping[str, Any], folder: Path) -> None:
    """Write ``junit.xml`` below ``folder``, whole or not at all, from the data of ``results.json``."""
    summary = results["summary"]
    suite = ET.Element(
        "testsuite",
        name=f"errorpath {results['target']}",
        tests=str(len(results["paths"])),
        failures=str(summary["fail"]),
        errors=str(summary["invalid"]),
        skipped=str(summary["n/a"]),
        time=str(results["wall_s"]),
    )
    for path in results["paths"]:
        _add_case(suite, path)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    unfinished = folder / f".{JUNIT}.new"
    ET.ElementTree(root).write(unfinished, encoding="utf-8", xml_declaration=True)
    unfinished.replace(folder / JUNIT)


def _add_case(suite: ET.Element, path: Mapping[str, Any]) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=f"errorpath.{path['family']}", name=path["id"], time=str(path["wall_s"])
    )
    element = _ELEMENT.get(path["verdict"])
    if element is None:
        return
    outcome = ET.SubElement(case, element, message=_printable(f"expected {path['expected']}, got {path['actual']}"))
    outcome.text = _printable(f"source: {path['source']}\nreproduce: {path['reproduce']}")


def _printable(text: str) -> str:
    """``text`` without the control characters XML 1.0 cannot hold."""
    return "".join(char if char in "\n\t" or ord(char) >= 32 else f"\\x{ord(char):02x}" for char in text)
