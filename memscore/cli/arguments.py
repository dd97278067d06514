"""Names the option or argument of a command in what a service says about a value of a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from typer.core import TyperCommand

from memscore.errors import ServiceError

OTHERWISE: Mapping[str, tuple[str, ...]] = {
    "name": ("new", "study_name"),
    "study_name": ("name",),
    "with": ("other", "b"),
    "kind": ("design_kind",),
    "subset_ratio": ("ratio",),
    "standard_error": ("until_se",),
    "settled_at": ("until_settled",),
    "time_limit_seconds": ("time_limit",),
    "expires_in": ("expires",),
}
"""Parameters of commands that fill a field of another name, by the field's."""


class NamingCommand(TyperCommand):
    """A command whose errors name its options and arguments, where a service named the fields that they filled."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ServiceError as error:
            _rename(error, self.params)
            raise


def _rename(error: ServiceError, params: Iterable[Any]) -> None:
    """Put the option in place of the field that a message begins with."""
    errors: list[dict[str, Any]] = error.problem.get("errors") or [{}]
    field = ".".join(str(errors[0].get("pointer", "")).split("/")[1:])
    message = str(error)
    if not field or not message.startswith(field):
        return
    last = field.rpartition(".")[2]
    known = {str(one.name): one for one in params}
    param = next((known[name] for name in (last, *OTHERWISE.get(last, ())) if name in known), None)
    if param is None:
        return
    options = [one for one in param.opts if one.startswith("--")]
    shown = options[0] if options else param.metavar or str(param.name).upper()
    error.args = (shown + message[len(field) :],)
