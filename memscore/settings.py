"""All settings, from MEMSCORE_* and Ray's environment variables: the only module that reads the environment."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, ClassVar, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from memscore.errors import InvalidInput, StoreError
from memscore.files import PRIVATE_FOLDER, make_folder, reason, shared_mode, tighten
from memscore.validation import located, worded

PREFIX = "MEMSCORE_"
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client's variable: a folder where processes share their counts


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Settings(BaseSettings):
    """Settings of the command line, the service, and the trainer."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, populate_by_name=True, frozen=True, extra="ignore"
    )

    home: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("memscore"),
        description="folder for dataset arrays, logs, and the embedded database",
    )
    database_url: str | None = Field(default=None, description="SQLAlchemy URL; default: SQLite in the home folder")
    runs_folder: Path | None = Field(
        default=None, description="folder of training runs, sweeps and reproduced items that the dashboard shows"
    )
    slots: int = Field(default_factory=_usable_cores, ge=1, description="trials trained at the same time")
    lease_seconds: float = Field(
        default=60, gt=0, description="a job whose lease is not renewed for this many seconds is taken over"
    )

    launcher: Literal["local", "ray-jobs"] = Field(
        default="local", description="local: jobs run on the dispatcher's machine; ray-jobs: on a Ray cluster"
    )
    ray_url: str = Field(default="http://127.0.0.1:8265", description="the Ray cluster's dashboard, for ray-jobs")
    ray_auth_token: SecretStr | None = Field(
        default=None, validation_alias="RAY_AUTH_TOKEN", exclude=True, description="the Ray cluster's token"
    )
    ray_auth_token_path: Path | None = Field(
        default=None, validation_alias="RAY_AUTH_TOKEN_PATH", exclude=True, description="a file with that token"
    )
    progress_seconds: float = Field(default=30, gt=0, description="without a terminal, seconds between progress lines")
    parallel_jobs: int = Field(default=1, ge=1, description="jobs that run at the same time on a cluster")
    trials_per_gpu: int | None = Field(
        default=None, ge=1, description="workers that share a GPU; default: as many as its memory holds"
    )
    stall_seconds: float = Field(
        default=900, gt=0, description="a driver that reports nothing for this many seconds is replaced"
    )
    stop_seconds: int = Field(default=30, ge=0, description="time for open downloads to finish when the service stops")
    keep_jobs_days: float | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="the leading dispatcher removes jobs that finished longer ago, with their logs; default: never",
    )
    keep_logs_days: float | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="the leading dispatcher removes the logs of jobs that finished longer ago, which stay with their "
        "history; default: as long as the job",
    )
    log_format: Literal["text", "json"] = Field(default="text", description="how processes log to standard error")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="lowest level logged; debug also logs each request"
    )

    network_modules: str = Field(
        default="", description="comma-separated packages from which recipes sent to the service may take networks"
    )

    key: SecretStr | None = Field(default=None, exclude=True, description="the key that the command line uses")
    key_pepper: SecretStr | None = Field(
        default=None, exclude=True, description="secret for hashing keys; default: the file key-pepper in the home"
    )
    require_keys: bool = Field(default=False, description="require a key on loopback addresses too")
    allowed_hosts: str = Field(default="", description="comma-separated host names that the service answers to")
    cors_origins: str = Field(
        default="", description="comma-separated origins whose pages may use the service from a browser"
    )
    root_path: str = Field(
        default="",
        description="prefix such as `/memscore` that a proxy in front of the service removes from paths",
    )
    rate_limit: float = Field(default=1000, ge=0, description="requests a second for each key or address; 0: no limit")
    max_upload_bytes: int = Field(
        default=2**30, ge=1, description="largest accepted file of scores, evidence or a dataset"
    )

    @field_validator("root_path")
    @classmethod
    def _prefix(cls, path: str) -> str:
        path = path.rstrip("/")
        if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", path):
            raise ValueError("must be a path such as /memscore, of letters, digits, '.', '_', '~' and '-'")
        return path

    @property
    def client_key(self) -> str | None:
        """The key that the command line sends to a service."""
        return None if self.key is None else self.key.get_secret_value()

    @property
    def own_networks(self) -> tuple[str, ...]:
        """The packages in `network_modules`."""
        return listed(self.network_modules)

    @property
    def database(self) -> str:
        """The database URL in use."""
        return self.database_url or sqlite_url(self.home / "memscore.db")

    @property
    def ray_token_file(self) -> Path:
        """The file with the Ray cluster's token, where Ray looks too; not used if `ray_auth_token` is set."""
        return self.ray_auth_token_path or Path.home() / ".ray/auth_token"

    def source(self, field: str) -> str | None:
        """The environment variable that set a field; None if it has its default."""
        return _variable(field) if field in self.model_fields_set else None

    def environment(self) -> dict[str, str]:
        """This process's environment plus these settings, for a child process."""
        values = {**self.model_dump(exclude_none=True), "database_url": self.database}
        ray = {"RAY_AUTH_TOKEN_PATH": str(self.ray_auth_token_path)} if self.ray_auth_token_path else {}
        if self.ray_auth_token:
            ray["RAY_AUTH_TOKEN"] = self.ray_auth_token.get_secret_value()
        return {**os.environ, **{f"MEMSCORE_{name.upper()}": str(value) for name, value in values.items()}, **ray}

    def prepare_home(self) -> Path:
        """Create the home folder, for this user alone, and return it. Raises StoreError if it cannot be written.

        One that is there keeps its mode, which its owner chose. The folders in it are closed to other users, except
        that one which is shared with its group alone shares them too.
        """
        try:
            make_folder(self.home, PRIVATE_FOLDER)
            for folder in (self.home / "datasets", self.home / "logs"):
                make_folder(folder, shared_mode(self.home))
                tighten(folder)
            probe = self.home / f".write-test-{os.getpid()}"
            try:
                probe.write_bytes(b"a byte needs space on the disk")
            finally:
                probe.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"The home folder {self.home} cannot be written ({reason(error)}); "
                "set MEMSCORE_HOME to a folder that you can write to."
            ) from error
        return self.home

    def require_home(self) -> None:
        """Raises StoreError if the home folder is gone. A process that began with one must not make an empty one."""
        if not self.home.is_dir():
            raise StoreError(f"The home folder {self.home} is gone; move it back, or restart what uses it.")


def sqlite_url(file: Path) -> str:
    """The URL of an SQLite file, with characters escaped that are special in a URL."""
    return f"sqlite:///{str(file).replace('%', '%25').replace('?', '%3F')}"


def listed(text: str) -> tuple[str, ...]:
    """Split a comma-separated setting."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def load(**instead: Any) -> Settings:
    """The settings of this process, some replaced. Raises InvalidInput if a variable has an invalid value."""
    try:
        return Settings(**instead)
    except ValidationError as error:
        raise InvalidInput(f"{_complaints(error)[0]}.") from error


def load_possible() -> tuple[Settings, list[str]]:
    """The settings with defaults in place of invalid values, and a description of each invalid value."""
    try:
        return Settings(), []
    except ValidationError as error:
        names = [_field(one["loc"]) for one in error.errors()]
        defaults: dict[str, Any] = {
            name: Settings.model_fields[name].get_default(call_default_factory=True) for name in names
        }
        return Settings(**defaults), _complaints(error)


def metrics_folder() -> Path | None:
    """The folder in which a service's workers add up their metrics; None if each process keeps its own."""
    folder = os.environ.get(METRICS_FOLDER)
    return Path(folder) if folder else None


def given() -> dict[str, str]:
    """The environment variables named MEMSCORE_*, and those of Ray used here, with their values."""
    return {name: value for name, value in os.environ.items() if value and (name.startswith(PREFIX) or name in _RAY)}


def known() -> set[str]:
    """The names of all variables in use; only the command line reads MEMSCORE_URL and MEMSCORE_LOG_TO."""
    return {_variable(name) for name in Settings.model_fields} | {f"{PREFIX}URL", f"{PREFIX}LOG_TO"}


def _variable(field: str) -> str:
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"{PREFIX}{field.upper()}"


def _field(location: tuple[int | str, ...]) -> str:
    """The field of a validation error, whose location holds the alias if there is one."""
    return next(name for name in Settings.model_fields if location[0] in (name, _variable(name)))


_RAY = frozenset(_variable(name) for name in Settings.model_fields if not _variable(name).startswith(PREFIX))


def _complaints(error: ValidationError) -> list[str]:
    return [located(_variable(_field(one["loc"])), worded(one)) for one in error.errors()]
