"""The page on backups is done as it stands, beside a hub that works."""

import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.docs.pages import DOCS
from tests.docs.person import FAILED, Person, steps
from tests.journeys.town import free_port

PAGE = (DOCS / "how-to/back-up-and-restore.md").read_text("utf-8")


@pytest.fixture
def hub(person: Person) -> Iterator[subprocess.Popen[bytes]]:
    """A hub in another window, in the same folder."""
    (person.folder / "var").mkdir(mode=0o711)
    command = ["threadline", "up", "--port", str(free_port())]
    with (person.folder / "window.log").open("wb") as log:
        window = subprocess.Popen(
            command, cwd=person.folder, env=person.env, stdout=subprocess.PIPE, stderr=log
        )
    try:
        assert window.stdout is not None
        assert b"Threadline" in window.stdout.readline()
        yield window
    finally:
        window.send_signal(signal.SIGTERM)
        window.communicate(timeout=60)


@pytest.mark.timeout(300)
def test_every_command_of_the_page_does_what_it_says(
    person: Person, hub: subprocess.Popen[bytes]
) -> None:
    *others, restoring = steps(PAGE)
    for step in others:
        told = person.do(step.commands)
        assert all(line in told for line in step.shown), told

    refused = person.run(restoring.commands)
    assert FAILED in refused
    assert "Stop every hub" in refused
    hub.send_signal(signal.SIGTERM)
    hub.wait(60)
    told = person.do(restoring.commands)
    assert all(line in told for line in restoring.shown), told
