"""By which executor the hubs of journeys are served: `pytest --executor celery` chooses."""

from typing import Any

import pytest

from tests.redis import ManyProcesses

NAMES = ("in-process", "celery")
_chosen: ManyProcesses | None = None


def settings() -> dict[str, Any]:
    """Say what the settings of a hub are to add."""
    return {} if _chosen is None else _chosen.settings()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--executor", choices=NAMES, default=NAMES[0], help="who serves in journeys")


def pytest_configure(config: pytest.Config) -> None:
    global _chosen  # noqa: PLW0603 - chosen once a run, by its command line
    if config.getoption("--executor") == "celery":
        _chosen = ManyProcesses()


def pytest_unconfigure() -> None:
    if _chosen is not None:
        _chosen.close()
