"""What can be said of the deployment without an engine that runs it."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from typer.main import get_command

from middleware.cli.main import app
from middleware.cli.reference import env_name
from middleware.cli.serving import DRAIN_S
from middleware.settings import Settings
from tests.docs.compose import COMPOSE, EMULATORS, FILE, HUB, OURS, SERVICES
from tests.docs.pages import DOCS, ROOT

DOCKERFILE = ROOT / "Dockerfile"
LEADS = (DOCS / "how-to/deploy.md", DOCS / "how-to/observe.md")
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SETTING = re.compile(r"\bTHREADLINE_[A-Z0-9_]+\b")
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)")
# It has the memory that there is, and a limit would only make it slow.
UNLIMITED = {"postgres"}

every_service = pytest.mark.parametrize("name", SERVICES)
every_part = pytest.mark.parametrize("name", HUB)
every_emulator = pytest.mark.parametrize("name", EMULATORS)


@every_service
def test_a_service_is_looked_after(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "start_period", "retries"} <= set(service["healthcheck"])
    assert service["logging"]["options"]["max-size"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert name in UNLIMITED or service["mem_limit"]
    assert ":" in service["image"] or name in OURS


@pytest.mark.parametrize("name", OURS)
def test_what_is_ours_can_write_nowhere_but_to_its_data(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["init"] is True
    assert "privileged" not in service
    assert [volume.partition(":")[2] for volume in service.get("volumes", ())] in ([], ["/data"])


@every_service
def test_nothing_is_open_to_the_world(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert not ports or name in {"api", "prometheus", "grafana"}


@pytest.mark.parametrize("name", ["postgres", "redis", "s3", *EMULATORS])
def test_stores_and_emulators_live_where_nobody_comes_in(name: str) -> None:
    assert SERVICES[name]["networks"] == ["inside"]
    assert FILE["networks"]["inside"]["internal"] is True


@every_service
def test_a_service_names_only_what_is_there(name: str) -> None:
    service = SERVICES[name]
    assert set(service["networks"]) <= set(FILE["networks"])
    assert set(service.get("depends_on", {})) <= set(SERVICES)
    for volume in service.get("volumes", ()):
        source = volume.partition(":")[0]
        found = (ROOT / source).exists() if source.startswith(".") else source in FILE["volumes"]
        assert found, volume


def test_no_volume_is_left_over() -> None:
    used = {v.partition(":")[0] for s in SERVICES.values() for v in s.get("volumes", ())}
    assert set(FILE["volumes"]) <= used


def test_there_is_a_service_for_each_part() -> None:
    assert {service["command"][2] for service in HUB.values()} == set(HUB)
    assert set(HUB) == {"api", "worker", "sweeper", "listener"}


@every_part
def test_a_part_is_given_time_to_stop(name: str) -> None:
    assert int(HUB[name]["stop_grace_period"].rstrip("s")) > 2 * DRAIN_S


@every_part
def test_a_part_shares_database_broker_and_data_with_the_others(name: str) -> None:
    assert HUB[name]["environment"] == HUB["api"]["environment"]
    assert HUB[name]["volumes"] == HUB["api"]["volumes"]


def parsed(arguments: list[str]) -> Any:
    """Raises: the command line's own error for what it would refuse."""
    command: Any = get_command(app)
    context = command.make_context("threadline", list(arguments))
    name, inner, rest = command.resolve_command(context, list(arguments))
    inner_context = inner.make_context(name, list(rest), parent=context)
    if not hasattr(inner, "resolve_command"):
        return inner_context.params
    name, leaf, rest = inner.resolve_command(inner_context, list(rest))
    return leaf.make_context(name, rest, parent=inner_context).params


@every_part
def test_a_command_is_one_of_ours(name: str) -> None:
    assert parsed(HUB[name]["command"][1:])["parts"] == [name]


@every_emulator
def test_an_emulator_knows_what_it_is_told(name: str) -> None:
    python, dash_m, module, *arguments = EMULATORS[name]["command"]
    assert (python, dash_m) == ("python", "-m")
    told = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert all(word in told.stdout for word in arguments if word.startswith("--"))


def texts() -> Iterator[str]:
    for path in (COMPOSE, DOCKERFILE, *LEADS, *(DOCS / "operations").rglob("*.*")):
        yield path.read_text("utf-8")


def test_every_setting_that_is_named_exists() -> None:
    known = {env_name(name) for name in Settings.model_fields}
    named = {name for text in texts() for name in SETTING.findall(text)}
    assert named - known == set()


def test_every_variable_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    for name in VARIABLE.findall(COMPOSE.read_text("utf-8")):
        assert f"#{name}=" in example


def test_a_full_redis_refuses_and_a_restarted_one_is_empty() -> None:
    command = SERVICES["redis"]["command"]
    said = dict(zip(command[1::2], command[2::2], strict=True))
    assert said["--maxmemory-policy"] == "noeviction"
    assert (said["--appendonly"], said["--save"]) == ("no", "")


STAGES = DOCKERFILE.read_text("utf-8").split("\nFROM ")[1:]


def test_the_image_holds_every_package_and_every_extra() -> None:
    build, _ = STAGES
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    extras = project["tool"]["setuptools"]["dynamic"]["optional-dependencies"]
    let_through = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for package in (each.rstrip("*") for each in packages):
        assert f"COPY {package}/ {package}/" in build
        assert f"!{package}" in let_through
    for extra in ("base", *extras):
        assert f"-r requirements/{extra}.txt" in build


def test_the_image_runs_as_nobody_and_builds_nothing() -> None:
    _, final = STAGES
    assert re.search(r"^USER \d+:\d+$", final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    assert not re.search(r"^RUN .*(pip|apt)", final, re.MULTILINE)
    assert re.search(r"^ARG PYTHON=3\.\d+\.\d+-slim", DOCKERFILE.read_text("utf-8"), re.MULTILINE)


def test_the_builder_is_sent_no_secrets_and_no_data() -> None:
    first, *rest = [
        line
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line and line[0] != "#"
    ]
    assert first == "*"
    assert not any(line in rest for line in ("!.env", "!var", "!.git"))


def shown() -> Iterator[list[str]]:
    """Every command of ours that the pages show, word by word."""
    for page in LEADS:
        for block in SHELL.findall(page.read_text("utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line.partition(" < ")[0].partition(" > ")[0], comments=True)
                if words[:2] == ["docker", "compose"]:
                    yield words[2:]


EXECUTED = [words for words in shown() if "exec" in words]
STARTED = [words for words in shown() if "up" in words and "exec" not in words]


@pytest.mark.parametrize("words", EXECUTED, ids=" ".join)
def test_a_page_runs_commands_that_are_there(words: list[str]) -> None:
    service, program, *arguments = [word for word in words[1:] if word != "-T"]
    assert service in SERVICES
    if program == "threadline":
        assert parsed(arguments) is not None


@pytest.mark.parametrize("words", STARTED, ids=" ".join)
def test_a_page_starts_services_that_are_there(words: list[str]) -> None:
    profiles = {profile for service in SERVICES.values() for profile in service.get("profiles", ())}
    options = dict(pairwise(words))
    assert options.get("--profile", "trial") in profiles
    assert options.get("--scale", "worker=1").partition("=")[0] in SERVICES
    named = words[words.index("up") + 1 :]
    assert {word for word in named if word[0] != "-" and "=" not in word} <= set(SERVICES)


def test_pages_were_found() -> None:
    assert len(EXECUTED) >= 5
    assert len(STARTED) >= 4
