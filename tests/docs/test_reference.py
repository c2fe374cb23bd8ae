"""The reference says what the code says, and leaves nothing out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from channel_clients.registry import CHANNELS
from crm_clients.registry import CRMS
from middleware.cli import docs
from middleware.cli.main import app
from middleware.cli.reference import env_name, sentences
from middleware.http import codes as gateway
from middleware.settings import Settings
from tests.architecture.source import modules
from tests.docs.codes_given import MANY, codes_given
from tests.docs.pages import DOCS, ROOT, anchors, headings

REFERENCE = DOCS / "reference"
IDENTITY = DOCS / "explanation/identity.md"


def test_every_page_is_up_to_date() -> None:
    assert docs.stale(ROOT, docs.pages(app)) == []


@pytest.mark.parametrize("setting", Settings.model_fields)
def test_every_setting_has_its_heading_and_its_line(setting: str) -> None:
    assert env_name(setting) in headings(REFERENCE / "settings.md")
    assert f"#{env_name(setting)}=" in (ROOT / ".env.example").read_text("utf-8")
    assert Settings.model_fields[setting].description


def test_the_example_environment_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting in Settings.model_fields:
        monkeypatch.delenv(env_name(setting), raising=False)
    uncommented = (ROOT / ".env.example").read_text("utf-8").replace("\n#", "\n")
    filled = [line for line in uncommented.splitlines() if line.startswith("THREADLINE_")]
    example = tmp_path / "example.env"
    example.write_text("\n".join(line for line in filled if not line.endswith("=")))
    as_shown = Settings(_env_file=example)
    assert as_shown == Settings(_env_file=None)


def commands(path: str, command: Any) -> Iterator[str]:
    if not command.hidden:
        yield path
        for name, child in getattr(command, "commands", {}).items():
            yield from commands(f"{path} {name}", child)


@pytest.mark.parametrize("command", list(commands("threadline", get_command(app))))
def test_every_command_has_its_heading(command: str) -> None:
    assert command in headings(REFERENCE / "cli.md")


@pytest.mark.parametrize("name", sorted({*CHANNELS, *CRMS}))
def test_every_adapter_has_its_heading_and_its_page(name: str) -> None:
    title = {**CHANNELS, **CRMS}[name].title
    assert title in headings(REFERENCE / "capabilities.md")
    folder = "channels" if name in CHANNELS else "crms"
    assert (DOCS / folder / f"{name}.md").is_file()


def given() -> set[str]:
    emulated = "/emulators/"
    sources = modules("middleware", "mappers", "crm_clients", "channel_clients")
    return {
        code
        for module in sources
        if emulated not in module.path and not module.path.endswith("/codes.py")
        for code in codes_given(module)
    }


def test_every_failure_code_has_its_sentence() -> None:
    explained = set(sentences())
    evidence = (word.strip("`") for word in IDENTITY.read_text("utf-8").split())
    known = explained | set(evidence)
    unexplained = sorted(
        code
        for code in given()
        if code not in known
        and not (code.endswith(MANY) and any(word.startswith(code[:-1]) for word in known))
    )
    assert unexplained == []


def test_no_sentence_outlives_its_code() -> None:
    said = given()
    families = tuple(code[:-1] for code in said if code.endswith(MANY))
    idle = [
        code
        for code in sentences()
        if code not in said | set(gateway.SENTENCES) and not code.startswith(families)
    ]
    assert idle == []


@pytest.mark.parametrize("code", sorted(sentences()))
def test_every_failure_code_can_be_linked_to(code: str) -> None:
    assert code in headings(REFERENCE / "failures.md")
    assert code in anchors(REFERENCE / "failures.md")


def alone() -> typer.Typer:
    """A command line of one's own: what is printed must not depend on the rest of it."""
    own = typer.Typer()
    own.callback()(lambda: None)
    docs.register(own)
    return own


def test_checking_finds_what_printing_mends(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    runner, own, root = CliRunner(), alone(), ["--root", str(tmp_path)]
    assert runner.invoke(own, ["docs", "--check", *root]).exit_code == 1
    assert not (tmp_path / "docs/reference").exists()
    printed = runner.invoke(own, ["docs", *root])
    assert printed.exit_code == 0
    assert "printed docs/reference/settings.md" in printed.stdout
    assert runner.invoke(own, ["docs", "--check", *root]).exit_code == 0
    (tmp_path / "docs/reference/routes.md").write_text("# By hand\n")
    assert runner.invoke(own, ["docs", "--check", *root]).exit_code == 1


def test_nothing_is_printed_outside_a_checkout(tmp_path: Path) -> None:
    result = CliRunner().invoke(alone(), ["docs", "--root", str(tmp_path)])
    assert result.exit_code == 2
    assert not list(tmp_path.iterdir())
