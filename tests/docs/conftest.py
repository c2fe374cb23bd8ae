"""Somebody in a folder of their own, with our commands at hand and none of our settings."""

import os
import sys
from pathlib import Path

import pytest

from tests.docs.person import Person


@pytest.fixture
def person(tmp_path: Path) -> Person:
    tmp_path.chmod(0o711)  # under root the database runs as somebody else, who has to pass
    ours = {name: value for name, value in os.environ.items() if "THREADLINE" not in name}
    path = f"{Path(sys.executable).parent}{os.pathsep}{ours['PATH']}"
    return Person(tmp_path, {**ours, "PATH": path, "THREADLINE_LANGUAGE": "en", "COLUMNS": "240"})
