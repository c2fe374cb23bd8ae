"""What must never be committed: secrets, specimens from nowhere, large files.

`python -m tests.architecture.hygiene secrets|cassettes|large [FILE…]` looks at these files, or at
all of the repository's, and names what it found without repeating it.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from tests.architecture.source import ROOT, files

LARGEST_BYTES = 500_000
PROVENANCES = frozenset({"documented", "reported", "emulated", "live"})
SECRETS: Mapping[str, re.Pattern[str]] = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "a bot token": re.compile(r"\b[0-9]{8,10}:[A-Za-z0-9_-]{35}\b"),
    "a signed token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
    "an encryption key": re.compile(r"(?<![\w/+-])[A-Za-z0-9_-]{43}=(?!=)"),
    "a cloud key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a forge's token": re.compile(r"\b(?:gh[opsu]_|glpat-|github_pat_)[A-Za-z0-9_-]{20,}"),
    "a password in an address": re.compile(
        r"(?i)\b(?:postgres(?:ql)?|redis|amqps?|https?)://[^\s:/@{}$<\"']+:[^\s@{}$<\"']{9,}@"
    ),
    "a named secret": re.compile(
        r"(?i)(?:secret|token|passw(?:or)?d|api_?key)[\"']?\s*[:=]\s*[\"']?"
        r"(?=[A-Za-z0-9_+/-]*[0-9])(?=[A-Za-z0-9_+/-]*[A-Za-z])[A-Za-z0-9_+/-]{40,}"
    ),
}
# Secrets that their owners print in public, in the examples that our readers are tested with.
PUBLISHED: Mapping[str, str] = {
    "f2d7f8704eff95087ed45b23ba99c0b5aac8278e": "the sample channel in amoCRM's chat manual",
}
HASHES = re.compile(r"--hash=sha256:[0-9a-f]{64}|sha256[:-][0-9a-f]{64}")
PUBLIC = re.compile("|".join([HASHES.pattern, *PUBLISHED]))


def secrets_in(text: str) -> Iterator[tuple[int, str]]:
    """Line numbers, and what stands there."""
    for number, line in enumerate(text.splitlines(), 1):
        said = PUBLIC.sub("", line)
        for what, pattern in SECRETS.items():
            if pattern.search(said):
                yield number, what


def problems_of_cassette(cassette: Any) -> list[str]:
    """What a specimen fails to say about itself."""
    said = cassette.get("metadata") if isinstance(cassette, dict) else None
    if not isinstance(said, dict):
        return ["it has no metadata"]
    problems = []
    if said.get("provenance") not in PROVENANCES:
        problems.append(f"its provenance is none of {sorted(PROVENANCES)}")
    if len(str(said.get("source") or "")) < 10:
        problems.append("it does not name its source")
    if not isinstance(said.get("read_on"), date):
        problems.append("it does not say when the source was read")
    if not cassette.get("interactions"):
        problems.append("nothing is recorded in it")
    return problems


def look_for_secrets(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        return []
    return [f"{path}:{number}: {what}" for number, what in secrets_in(text)]


def look_at_cassette(path: Path) -> list[str]:
    if "cassettes" not in path.parts or path.suffix != ".yaml":
        return []
    found = problems_of_cassette(yaml.safe_load(path.read_text("utf-8")))
    return [f"{path}: {problem}" for problem in found]


def look_at_size(path: Path) -> list[str]:
    size = path.stat().st_size
    return [f"{path}: {size} bytes, at most {LARGEST_BYTES}"] if size > LARGEST_BYTES else []


LOOKS: Mapping[str, Callable[[Path], list[str]]] = {
    "secrets": look_for_secrets,
    "cassettes": look_at_cassette,
    "large": look_at_size,
}


def main(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] not in LOOKS:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    chosen = [Path(name) for name in arguments[1:] or files()]
    found = [
        line
        for path in chosen
        if (ROOT / path).is_file()
        for line in LOOKS[arguments[0]](ROOT / path)
    ]
    sys.stderr.write("".join(f"{line.replace(f'{ROOT}/', '')}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
