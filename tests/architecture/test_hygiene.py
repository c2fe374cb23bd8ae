"""The scans find what they are for, and find nothing here."""

from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.hygiene import (
    LARGEST_BYTES,
    look_at_size,
    look_for_secrets,
    main,
    problems_of_cassette,
    secrets_in,
)

LETTERS = sha256(b"a specimen").hexdigest()  # the same in every worker, and written nowhere
GOOD: dict[str, Any] = {
    "metadata": {
        "provenance": "reported",
        "source": "somebody's parser",
        "read_on": date(2026, 11, 21),
    },
    "interactions": [{}],
}


@pytest.mark.parametrize("look", ["secrets", "cassettes", "large"])
def test_the_repository_is_clean(look: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([look]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("-----BEGIN RSA " + "PRIVATE KEY-----", "a private key"),
        (f'TOKEN = "123456789:{LETTERS[:35]}"', "a bot token"),
        (f"Bearer eyJ{LETTERS[:20]}.eyJ{LETTERS[:20]}.{LETTERS[:43]}", "a signed token"),
        (f"THREADLINE_SECRET_KEYS={LETTERS[:43]}=", "an encryption key"),
        ("AKIA" + LETTERS[:16].upper(), "a cloud key"),
        ("ghp_" + LETTERS[:36], "a forge's token"),
        (f"postgresql://hub:{LETTERS[:12]}@db/hub", "a password in an address"),
        (f'client_secret: "a1{LETTERS}"', "a named secret"),
    ],
)
def test_a_secret_is_found(line: str, what: str) -> None:
    assert what in {found for _, found in secrets_in(f"first\n{line}\n")}


@pytest.mark.parametrize(
    "line",
    [
        f"    --hash=sha256:{LETTERS}",
        "token: Annotated[SecretStr, AfterValidator(_token)] = Field(",
        "postgresql://threadline:${POSTGRES_PASSWORD}@postgres/threadline",
        'SECRET_HEADER = "x-telegram-bot-api-secret-token"',
        "/bot7:REDACTED/sendMessage",
    ],
)
def test_an_ordinary_line_is_no_secret(line: str) -> None:
    assert not list(secrets_in(line))


def test_a_secret_is_named_and_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'token = "123456789:{LETTERS[:35]}"')
    (line,) = look_for_secrets(file)
    assert line.endswith("config.toml:1: a bot token")
    assert LETTERS[:35] not in line


def test_a_large_file_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "recording.bin"
    file.write_bytes(bytes(LARGEST_BYTES))
    assert not look_at_size(file)
    file.write_bytes(bytes(LARGEST_BYTES + 1))
    assert look_at_size(file)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"provenance": "found somewhere"}, "provenance"),
        ({"source": ""}, "source"),
        ({"read_on": "recently"}, "when"),
    ],
)
def test_a_cassette_without_its_story_is_refused(changed: dict[str, str], problem: str) -> None:
    assert problems_of_cassette(GOOD) == []
    metadata = {**GOOD["metadata"], **changed}
    (found,) = problems_of_cassette({**GOOD, "metadata": metadata})
    assert problem in found


def test_an_empty_cassette_is_refused() -> None:
    assert problems_of_cassette({"metadata": GOOD["metadata"]}) == ["nothing is recorded in it"]
    assert problems_of_cassette(None) == ["it has no metadata"]
