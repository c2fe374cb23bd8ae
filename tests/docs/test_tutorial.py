"""The tutorial is run as it stands: each block in its order, by a shell, in a folder of its own.

A block that only looks is repeated until it shows each line that the page shows after it, as a
person would look again. A block that does something is run once.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import DOCS

PAGE = (DOCS / "tutorial.md").read_text("utf-8")
BLOCK = re.compile(r"```(sh|text)\n(.*?)```", re.DOTALL)
STAYS = "threadline demo --folder trial"
PLAYED_WITHIN_S = 240
LOOKED_WITHIN_S = 60
FAILED = "\n(and it failed)"


@dataclass(frozen=True, slots=True)
class Step:
    commands: str
    shown: tuple[str, ...] = ()


def steps() -> list[Step]:
    found: list[Step] = []
    for language, body in BLOCK.findall(PAGE):
        if language == "sh":
            found.append(Step(body))
        else:
            found[-1] = Step(found[-1].commands, tuple(body.splitlines()))
    return found


@dataclass
class Person:
    """Somebody with a shell, which remembers what was exported."""

    folder: Path
    env: dict[str, str]

    def run(self, commands: str) -> str:
        """Do what a block says; what was exported is there for the next."""
        memory = self.folder / "exported"
        before = f". {memory}\n" if memory.exists() else ""
        script = f"set -euo pipefail\n{before}{commands}\nexport -p > {memory}\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=LOOKED_WITHIN_S,
            check=False,
        )
        return f"{done.stdout}{done.stderr}" + (FAILED if done.returncode else "")

    def do(self, commands: str) -> None:
        told = self.run(commands)
        assert FAILED not in told, f"{commands}\n{told}"

    def look(self, step: Step) -> None:
        ends_at = time.monotonic() + LOOKED_WITHIN_S
        while True:
            told = self.run(step.commands)
            if FAILED not in told and all(line in told for line in step.shown):
                return
            assert time.monotonic() < ends_at, f"{step.commands}\n{told}"

    @contextmanager
    def staying(self, commands: str) -> Iterator[None]:
        """Leave a command running in a window of its own until the block ends."""
        with (self.folder / "window.log").open("wb") as log:
            window = subprocess.Popen(
                ["bash", "-c", f"exec {commands}"],
                cwd=self.folder,
                env=self.env,
                stdout=log,
                stderr=log,
            )
        try:
            ends_at = time.monotonic() + PLAYED_WITHIN_S
            while not (self.folder / "trial/addresses").exists():
                said = (self.folder / "window.log").read_text("utf-8")
                assert window.poll() is None, said
                assert time.monotonic() < ends_at, said
                time.sleep(0.5)
            yield
        finally:
            window.send_signal(signal.SIGTERM)  # a shell may have told it to ignore Ctrl-C
            window.wait(60)


@pytest.fixture
def person(tmp_path: Path) -> Person:
    tmp_path.chmod(0o711)  # under root the database runs as somebody else, who has to pass
    ours = {name: value for name, value in os.environ.items() if "THREADLINE" not in name}
    path = f"{Path(sys.executable).parent}{os.pathsep}{ours['PATH']}"
    return Person(tmp_path, {**ours, "PATH": path, "THREADLINE_LANGUAGE": "en", "COLUMNS": "240"})


@pytest.mark.timeout(600)
def test_every_command_of_the_tutorial_does_what_the_page_says(person: Person) -> None:
    first, *others = steps()
    install, _, stays = first.commands.strip().splitlines()
    assert (install, stays) == ("make install", STAYS)  # the first is how this test got here
    with person.staying(stays):
        for step in others:
            if step.shown:
                person.look(step)
            else:
                person.do(step.commands)


def test_what_is_looked_at_again_changes_nothing() -> None:
    looks = [step.commands for step in steps() if step.shown]
    assert len(looks) > 5
    assert not [commands for commands in looks if "curl -s -d" in commands or "settle" in commands]
