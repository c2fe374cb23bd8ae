"""docker-compose.yml as its tests read it: services, ours among them, and parts of the hub."""

from collections.abc import Mapping
from typing import Any

import yaml

from tests.docs.pages import ROOT

COMPOSE = ROOT / "docker-compose.yml"
FILE = yaml.safe_load(COMPOSE.read_text("utf-8"))
SERVICES: Mapping[str, Mapping[str, Any]] = FILE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "threadline"}
HUB = {name: service for name, service in OURS.items() if service["command"][0] == "threadline"}
EMULATORS = {name: service for name, service in OURS.items() if name not in HUB}
