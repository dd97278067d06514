"""What docker-compose.yml may hold: every key that is not known here is an error, so that no test passes it over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<how>:[-?])(?P<rest>[^{}$]*))?\}|(?P<wrong>))")
_UNITS = {"s": 1, "m": 60, "kb": 2**10, "mb": 2**20, "gb": 2**30}


class Unset(Exception):
    """A variable that has no default; the message is what the file says then."""


def _amount(text: object) -> object:
    """Seconds of `30s`, bytes of `4gb`."""
    found = re.fullmatch(r"(\d+)([a-z]+)", str(text))
    return int(found[1]) * _UNITS[found[2]] if found else text


Amount = Annotated[int, BeforeValidator(_amount)]


class Part(BaseModel):
    """A mapping of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Build(Part):
    context: Literal["."]
    target: str
    args: dict[str, str] = {}


class Dependency(Part):
    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]


class Healthcheck(Part):
    test: list[str]
    interval: Amount
    timeout: Amount
    retries: int
    start_period: Amount


class Device(Part):
    driver: Literal["nvidia"]
    count: Literal["all"]
    capabilities: list[str]


class Reservations(Part):
    devices: list[Device]


class Resources(Part):
    reservations: Reservations


class Deploy(Part):
    replicas: int = 1
    resources: Resources | None = None


class Logging(Part):
    driver: Literal["local"]


class Service(Part):
    image: str
    build: Build | None = None
    command: list[str] | None = None
    environment: dict[str, str] = {}
    depends_on: dict[str, Dependency] = {}
    healthcheck: Healthcheck | None = None
    restart: Literal["no", "unless-stopped"]
    volumes: list[str] = []
    ports: list[str] = []
    profiles: list[str] = []
    deploy: Deploy = Deploy()
    cpus: int = 0
    shm_size: Amount | None = None
    stop_grace_period: Amount = 10
    init: bool = False
    cap_drop: list[str] = []
    security_opt: list[str] = []
    logging: Logging

    def mounts(self) -> dict[str, str]:
        """The volume that is mounted at each path."""
        return {path: volume for volume, path in (entry.split(":")[:2] for entry in self.volumes)}


class Compose(Part):
    name: str
    services: dict[str, Service]
    volumes: dict[str, None]
    anchors: dict[str, Any] = Field(exclude=True)


def load(environment: Mapping[str, str]) -> Compose:
    """The file with variables put in. Raises Unset, and ValidationError for what is not understood."""
    read = _interpolated(yaml.safe_load(FILE.read_text()), environment)
    anchors = {key: read.pop(key) for key in list(read) if key.startswith("x-")}
    return Compose(**read, anchors=anchors)


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """`${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$`, as compose reads them. Raises Unset, ValueError."""

    def value(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        if found["wrong"] is not None:
            raise ValueError(f"not understood: {text}")
        given = environment.get(found["name"], "")
        if not given and found["how"] == ":?":
            raise Unset(found["rest"])
        return given or found["rest"] or ""

    return _VARIABLE.sub(value, text)


def _interpolated(node: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _interpolated(value, environment) for key, value in node.items()}
    if isinstance(node, list):
        return [_interpolated(value, environment) for value in node]
    return interpolate(node, environment) if isinstance(node, str) else node
