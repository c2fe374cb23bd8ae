"""Somebody with a shell, who does what a page says."""

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"```(sh|text)\n(.*?)```", re.DOTALL)
LOOKED_WITHIN_S = 60
FAILED = "\n(and it failed)"


@dataclass(frozen=True, slots=True)
class Step:
    commands: str
    shown: tuple[str, ...] = ()


def steps(page: str) -> list[Step]:
    """The commands of a page, each with the lines that the page shows after it."""
    found: list[Step] = []
    for language, body in BLOCK.findall(page):
        if language == "sh":
            found.append(Step(body))
        else:
            found[-1] = Step(found[-1].commands, tuple(body.splitlines()))
    return found


@dataclass
class Person:
    """What was exported is remembered."""

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

    def do(self, commands: str) -> str:
        told = self.run(commands)
        assert FAILED not in told, f"{commands}\n{told}"
        return told

    def look(self, step: Step) -> None:
        ends_at = time.monotonic() + LOOKED_WITHIN_S
        while True:
            told = self.run(step.commands)
            if FAILED not in told and all(line in told for line in step.shown):
                return
            assert time.monotonic() < ends_at, f"{step.commands}\n{told}"
