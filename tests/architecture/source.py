"""The repository as its own tests see it: files, syntax trees, waivers."""

import ast
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[2]
PACKAGES = ("middleware", "mappers", "crm_clients", "channel_clients", "migrations")
WAIVERS: Mapping[str, Mapping[str, Mapping[str, str | int]]] = tomllib.loads(
    (Path(__file__).parent / "waivers.toml").read_text("utf-8")
)
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file. `path` is relative to the repository, with forward slashes."""

    path: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @property
    def is_test(self) -> bool:
        return self.path.startswith("tests/")


@cache
def files() -> tuple[str, ...]:
    """Every file that is, or is about to be, in the repository."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        return tuple(sorted(_walked()))  # an unpacked archive, or a machine without git
    paths = set(listed.split("\0")) - {""}
    return tuple(sorted(path for path in paths if (ROOT / path).is_file()))


def _walked() -> Iterator[str]:
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        hidden = any(p.startswith(".") for p in parts[:-1]) and parts[0] != ".ci"
        made = {"__pycache__", "var", "build", "dist"} & set(parts)
        if path.is_file() and not hidden and not made and parts[-1] != ".env":
            yield "/".join(parts)


@cache
def texts() -> Mapping[str, str]:
    """The text of every file that is text."""
    found = {}
    for path in files():
        try:
            found[path] = (ROOT / path).read_text("utf-8")
        except UnicodeDecodeError:
            continue
    return found


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Every Python file below these folders."""
    return tuple(
        Module(path, text, ast.parse(text, path))
        for path, text in texts().items()
        if path.endswith(".py") and path.startswith(tuple(f"{folder}/" for folder in folders))
    )


def functions(module: Module) -> Iterator[tuple[str, Function]]:
    """Every function of a module under the name by which a person would look for it."""
    yield from _functions(module.tree, "")


def _functions(node: ast.AST, within: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{within}{child.name}", child
            yield from _functions(child, f"{within}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{within}{child.name}.")
        else:
            yield from _functions(child, within)
