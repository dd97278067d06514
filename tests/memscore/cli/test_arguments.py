"""What a service says of a value names the option or argument of the command that gave it."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
import typer
from typer.testing import CliRunner

from memscore.cli.arguments import NamingCommand
from memscore.client import Client
from memscore.errors import InvalidInput
from memscore.store import Database
from tests.command_line import Outcome, refused
from tests.conftest import StoredStudy

pytestmark = pytest.mark.databases("sqlite")


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("studies rename made-up ../x", "error: NEW must start with a letter or digit"),
        ("keys create ../x --scope read", "error: NAME must start with a letter or digit"),
        ("jobs events nothing", "error: There is no job 'nothing'"),
    ],
)
def test_commands_name_options_and_arguments(
    memscore: Callable[..., Outcome], embedded: StoredStudy, command: str, sentence: str
):
    outcome = memscore(*command.split())
    refused(outcome, sentence)
    assert outcome.err.startswith(sentence)


@pytest.mark.parametrize(
    ("pointer", "detail", "sentence"),
    [
        ("query/mem_min", "mem_min must be a number.", "--mem-min must be a number."),
        ("body/design/subset_ratio", "design/subset_ratio must be below 1, not 2.", "--ratio must be below 1, not 2."),
        ("body/indices/3", "body/indices/3 must be a whole number.", "indices.3 must be a whole number."),
        ("path/study", "study must have at most 9 characters.", "STUDY must have at most 9 characters."),
        ("header/idempotency-key", "idempotency-key is wrong.", "idempotency-key is wrong."),
        (None, "There is no study 'a'.", "There is no study 'a'."),
    ],
)
def test_a_field_is_named_as_the_command_has_it(pointer: str | None, detail: str, sentence: str):
    problem = {"type": "https://memscore.invalid/problems/invalid-input", "title": "Invalid input", "status": 422}
    problem |= {"detail": detail, "instance": "/v1/x", "errors": [{"pointer": pointer, "message": ""}] * bool(pointer)}
    answer = httpx.MockTransport(lambda _: httpx.Response(422, json=problem))
    app = typer.Typer()

    @app.command(cls=NamingCommand)
    def command(study: str, mem_min: float = 0.0, ratio: float = 0.0) -> None:  # pyright: ignore[reportUnusedFunction]
        with Client(http=httpx.Client(transport=answer, base_url="http://memscore")) as client:
            client.study(study)

    raised = CliRunner().invoke(app, ["a"]).exception
    assert isinstance(raised, InvalidInput)
    assert str(raised) == sentence


def test_python_names_arguments(database: Database, stored_study: StoredStudy):
    from api.serving.in_process import in_process

    with Client(http=in_process(database)) as client:
        with pytest.raises(InvalidInput, match=r"^limit must be at most 1000, not 5000\.$"):
            client.jobs(limit=5000)
        with pytest.raises(InvalidInput, match=r"^name must start with a letter or digit"):
            client.rename_study("made-up", "../x")
        with pytest.raises(InvalidInput, match=r"^bins must be at least 1, not 0\.$"):
            client.histogram("made-up", bins=0)
