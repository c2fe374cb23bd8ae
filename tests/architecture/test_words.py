"""What may be written where: providers' names, promises to do it later, addresses of machines."""

import re
from collections.abc import Iterator, Mapping

import pytest

from channel_clients.registry import CHANNELS
from crm_clients.registry import CRMS
from tests.architecture.source import modules, texts

PROVIDERS = re.compile("|".join(map(re.escape, sorted({*CHANNELS, *CRMS}))), re.IGNORECASE)
KNOWS_PROVIDERS = ("middleware/cli/",)
LATER = re.compile(r"\b(?:T[O]DO|F[I]XME|X[X]X)\b")
INDEX_HOSTS = re.compile(
    r"(?:files\.)?pytho[n]hosted\.org|pyp[i]\.(?:org|python\.org)|registry\.(?:npm[j]s\.org|yarnpk[g]\.com)"
    r"|(?:deb|security|ftp|snapshot)\.debia[n]\.org|(?:archive|security)\.ubunt[u]\.com"
    r"|--(?:extra-)?index-url[ =]|--find-links[ =]|--trusted-host[ =]"
)
MACHINE_PATHS = re.compile(
    r"(?<![\w.~$}\])-])/(?:wor[k]|far[m]|home|Users|mnt|media|private)/[\w.-]+",
)
NOT_OURS = ("LICENSE",)


def found(pattern: re.Pattern[str], within: Mapping[str, str]) -> Iterator[str]:
    for path, text in within.items():
        for number, line in enumerate(text.splitlines(), 1):
            if path not in NOT_OURS and (match := pattern.search(line)):
                yield f"{path}:{number}: {match[0]}"


def test_the_hub_names_no_provider() -> None:
    hub = {
        module.path: module.text
        for module in modules("middleware")
        if not module.path.startswith(KNOWS_PROVIDERS)
    }
    assert list(found(PROVIDERS, hub)) == []


def test_nothing_is_left_for_later() -> None:
    assert list(found(LATER, texts())) == []


def test_no_address_of_a_package_index_is_spelled_out() -> None:
    assert list(found(INDEX_HOSTS, texts())) == []


def test_no_path_of_somebodys_machine_is_spelled_out() -> None:
    assert list(found(MACHINE_PATHS, texts())) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (LATER, "# TO" + "DO: later"),
        (INDEX_HOSTS, "https://py" + "pi.org/simple"),
        (INDEX_HOSTS, "pip install --index" + "-url https://example.org"),
        (INDEX_HOSTS, "deb http://deb." + "debian.org/debian bookworm main"),
        (MACHINE_PATHS, "cd /wo" + "rk/main"),
        (MACHINE_PATHS, "/ho" + "me/olga/threadline"),
        (PROVIDERS, "if provider == 'Telegram'"),
    ],
)
def test_each_pattern_finds_what_it_is_for(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


@pytest.mark.parametrize(
    "line",
    [
        "GET /hooks/{address}",
        "https://example.org/home/page",
        "run --no-emit-index-url",
        "~/code/x",
    ],
)
def test_ordinary_lines_are_left_alone(line: str) -> None:
    assert not INDEX_HOSTS.search(line)
    assert not MACHINE_PATHS.search(line)
