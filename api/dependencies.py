"""Dependencies and path parameters that routes share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Annotated, cast

from fastapi import Body, Depends, Path, Query, Request, Response

from api.authentication import Caller, Keyring
from api.sessions import Sessions
from api.table_cache import StudyTables, TableCache
from memscore import settings
from memscore.errors import NotFound
from memscore.store import Database
from memscore.texts import harmless

StudyInPath = Annotated[str, Path(description="id or name of a study", examples=["digits"])]
DatasetInPath = Annotated[str, Path(description="name of a registered dataset", examples=["digits"])]
IndexInPath = Annotated[int, Path(description="place of a sample in its dataset, from 0", examples=[17])]
Confirm = Annotated[
    str | None, Query(description="the name again, without which nothing is removed", examples=["digits"])
]
DryRun = Annotated[bool, Query(description="remove nothing, return what would go")]
RENAMED = Body(openapi_examples={"name": {"summary": "a name", "value": {"name": "digits"}}})
JobInPath = Annotated[str, Path(description="id of a job", examples=["5f2b9c41d07ae836"])]


async def _database(request: Request) -> Database:
    return cast("Database", request.app.state.database)


async def _tables(request: Request, study: StudyInPath) -> StudyTables:
    return await cast("TableCache", request.app.state.tables).get(study)


async def _drop_tables(request: Request) -> Callable[[], None]:
    return cast("TableCache", request.app.state.tables).drop


async def _own_networks(request: Request) -> Callable[[str], bool]:
    """Whether a network `package.module:function` may be imported where this service's jobs run."""
    modules = cast("tuple[str, ...] | None", request.app.state.network_modules)
    return lambda network: modules is None or network.partition(":")[0].partition(".")[0] in modules


async def _home(request: Request) -> FilePath:
    home = cast("FilePath | None", request.app.state.home)
    return settings.load().home if home is None else home


async def _keyring(request: Request) -> Keyring:
    return cast("Keyring", request.app.state.keyring)


async def _sessions(request: Request) -> Sessions:
    return cast("Sessions", request.app.state.sessions)


async def _key_name(request: Request) -> str | None:
    caller: Caller | None = request.scope.get("state", {}).get("caller")
    return None if caller is None else caller.name


async def _actor(request: Request, key_name: Annotated[str | None, Depends(_key_name)]) -> str:
    """Who asks, for the log: a key by its name, never its secret."""
    if key_name is not None:
        return f"the key {harmless(key_name)}"
    return "the command line" if request.app.state.in_process else "a user of this machine"


async def never_stored(response: Response) -> None:
    """A dependency of routes whose answers no cache may keep, not even the browser's."""
    response.headers["Cache-Control"] = "no-store"


TablesOf = Annotated[StudyTables, Depends(_tables)]


async def _label(
    current: TablesOf, label: Annotated[int | None, Query(description="only samples of this class")] = None
) -> int | None:
    """A class of the study's dataset. Raises NotFound."""
    if label is not None and not 0 <= label < len(current.class_names):
        raise NotFound(
            f"Study {current.study.name!r} has no class {label}; classes go from 0 to {len(current.class_names) - 1}."
        )
    return label


ActorOf = Annotated[str, Depends(_actor)]
DatabaseOf = Annotated[Database, Depends(_database)]
DropTables = Annotated[Callable[[], None], Depends(_drop_tables)]
"""What a route calls once it has changed a study, or what is shown with one: no table read before is used any more."""
HomeOf = Annotated[FilePath, Depends(_home)]
KeyName = Annotated[str | None, Depends(_key_name)]
"""The name of the API key that asks; None for somebody without one."""
KeyringOf = Annotated[Keyring, Depends(_keyring)]
LabelInQuery = Annotated[int | None, Depends(_label)]
OwnNetworks = Annotated[Callable[[str], bool], Depends(_own_networks)]
SessionsOf = Annotated[Sessions, Depends(_sessions)]
