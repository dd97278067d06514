"""Commands on API keys: create, list, revoke."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from memscore.cli.context import opened_client
from memscore.cli.options import Json, Url
from memscore.console import note, out, print_json, print_record, print_table
from memscore.durations import local_time
from memscore.keys import Scope, id_of, seconds_of


def create_key(
    name: Annotated[str, typer.Argument(help="The key's owner or purpose.")],
    scope: Annotated[Scope, typer.Option(help="What the key allows; write includes read, and admin includes both.")],
    expires: Annotated[str | None, typer.Option(help="When the key expires: 30m, 12h, 90d or 2w from now.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Create a key and print it; it cannot be shown again."""
    with opened_client(url, create=True) as client:
        made = client.create_key(name, scope, None if expires is None else seconds_of(expires))
    if as_json:
        print_json(made)
        return
    out.print(made.key, soft_wrap=True)
    expiry = "" if made.expires_at is None else f"; it expires on {_minute(made.expires_at)} (local time)"
    note(f"keep this key: it is not shown again. Its id is {made.id}, and its scope is {made.scope}{expiry}.")


def list_keys(url: Url = None, as_json: Json = False) -> None:
    """List all keys, without their secrets."""
    with opened_client(url) as client:
        message = client.keys()
    if as_json:
        print_json(message)
        return
    times = ("created_at", "expires_at", "last_used_at")
    print_table(
        ("id", "name", "scope", "state", "created (local time)", "expires", "last used"),
        (
            (one.id, one.name, one.scope, one.state, *(_minute(getattr(one, time)) for time in times))
            for one in message.keys
        ),
    )


def revoke_key(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The id of a key, or the key itself.")],
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Revoke a key; it is refused from now on."""
    with opened_client(url) as client:
        print_record(client.revoke_key(id_of(identifier) or identifier), as_json)


def _minute(time: datetime | None) -> str:
    return "-" if time is None else local_time(time)[:16]
