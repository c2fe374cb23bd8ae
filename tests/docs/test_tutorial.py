"""The tutorial is run as it stands: each block in its order, by a shell, in a folder of its own.

A block that only looks is repeated until it shows each line that the page shows after it, as a
person would look again. A block that does something is run once.
"""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.docs.pages import DOCS
from tests.docs.person import Person, steps

PAGE = (DOCS / "tutorial.md").read_text("utf-8")
STAYS = "threadline demo --folder trial"
PLAYED_WITHIN_S = 240


@contextmanager
def staying(person: Person, commands: str) -> Iterator[None]:
    """Leave a command running in a window of its own until the block ends."""
    with (person.folder / "window.log").open("wb") as log:
        window = subprocess.Popen(
            ["bash", "-c", f"exec {commands}"],
            cwd=person.folder,
            env=person.env,
            stdout=log,
            stderr=log,
        )
    try:
        ends_at = time.monotonic() + PLAYED_WITHIN_S
        while not (person.folder / "trial/addresses").exists():
            said = (person.folder / "window.log").read_text("utf-8")
            assert window.poll() is None, said
            assert time.monotonic() < ends_at, said
            time.sleep(0.5)
        yield
    finally:
        window.send_signal(signal.SIGTERM)  # a shell may have told it to ignore Ctrl-C
        window.wait(60)


@pytest.mark.timeout(600)
def test_every_command_of_the_tutorial_does_what_the_page_says(person: Person) -> None:
    first, *others = steps(PAGE)
    install, _, stays = first.commands.strip().splitlines()
    assert (install, stays) == ("make install", STAYS)  # the first is how this test got here
    with staying(person, stays):
        for step in others:
            if step.shown:
                person.look(step)
            else:
                person.do(step.commands)


def test_what_is_looked_at_again_changes_nothing() -> None:
    looks = [step.commands for step in steps(PAGE) if step.shown]
    assert len(looks) > 5
    assert not [commands for commands in looks if "curl -s -d" in commands or "settle" in commands]
