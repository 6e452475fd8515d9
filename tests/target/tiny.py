"""The target file of the tiny proxy, and the type of the fixture that writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.target.files import TargetFile

Write = Callable[..., TargetFile]

PROGRAM = Path(__file__).with_name("tiny_proxy.py")
FILE = f"""
name = "tiny"
[launch]
command = ["{{python}}", "{PROGRAM}"]
env = {{ PORT = "{{port}}", UPSTREAM = "{{upstream}}" }}
"""
