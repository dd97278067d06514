"""The OpenAPI document and the service agree: Schemathesis sends what the document allows, and what it forbids.

Its checks: no error of the server's; statuses, media types, headers and bodies as documented; what the document allows
is accepted and what it forbids is refused; what was made is there, what was deleted is not; methods; authentication.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.checks import load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.engine import Status, events, from_schema
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.schemas import BaseSchema
from schemathesis.transport.serialization import serialize_binary

from api.app import create_app
from api.protection import Protection
from api.routes.sign_in import EXAMPLE_KEY
from api.serving.in_process import in_process
from memscore.datasets.dataset import Dataset
from memscore.datasets.storage import save
from memscore.keys import generate, id_of
from memscore.settings import Settings
from memscore.store import Database, api_keys, datasets, evidence, job_logs, jobs, studies, tables
from memscore.store.pepper import pepper_of
from memscore.study.recipes import recipe_of
from memscore.study.spec import Design, Target, Wanted
from tests.conftest import build, make_trials
from tests.made_runs import make_runs

pytestmark = pytest.mark.databases("sqlite")

JOB, KEY = "5f2b9c41d07ae836", "1f0c8e5a9b3d7246"  # in the document's examples
OPERATIONS = (
    "add_dataset cancel_job compare_studies create_key explain_score forget_samples get_dataset get_density "
    "get_evidence get_findings get_histogram get_image get_job get_pairs_table get_picture get_precision get_quality "
    "get_reproduction get_run get_run_differences get_score get_session get_sets get_sprite get_study get_sweep "
    "get_table get_test_score get_usage health import_dataset import_scores job_events job_log list_classes "
    "list_datasets list_decisions list_duplicates list_jobs list_keys list_neighbours list_pairs list_recipes "
    "list_reviews list_risks list_runs list_sample_names list_samples list_scores list_sources list_studies "
    "list_suspects look_up_scores merge_evidence metrics prune_jobs readiness remove_dataset remove_study "
    "rename_dataset rename_study resume_job review_sample revoke_key sign_in sign_out submit_job"
)

USED = ("forget_samples", "remove_dataset", "remove_study")
"""What a study uses, and what a job works on, is not removed, nor partly forgotten."""

# What no document can say. Each entry switches off one check of one operation.
FALSE_ALARMS = [
    # 503 is what it is asked for: ready or not
    {"include-operation-id": "readiness", "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "4xx", 503]}}},
    # bytes at random are no score file, and no evidence
    {"include-operation-id": "import_scores", "checks": {"positive_data_acceptance": {"enabled": False}}},
    {"include-operation-id": "import_dataset", "checks": {"positive_data_acceptance": {"enabled": False}}},
    {"include-operation-id": "merge_evidence", "checks": {"positive_data_acceptance": {"enabled": False}}},
    # a label that is no class of this dataset, or the sample's own; a reviewer who is not the key's
    {"include-operation-id": "review_sample", "checks": {"positive_data_acceptance": {"enabled": False}}},
    # fields that need or exclude one another: target's, those of a recipe by its network, names of recipes
    {"include-operation-id": "submit_job", "checks": {"positive_data_acceptance": {"enabled": False}}},
    # 60.0 is an integer in a JSON schema, and refused as a number of seconds
    {"include-operation-id": "create_key", "checks": {"positive_data_acceptance": {"enabled": False}}},
    # a published dataset whose files are not here and cannot be downloaded
    {"include-operation-id": "add_dataset", "checks": {"positive_data_acceptance": {"enabled": False}}},
    # the name of a published dataset, which another one cannot have
    {"include-operation-id": "rename_dataset", "checks": {"positive_data_acceptance": {"enabled": False}}},
    # the name again, which nobody guesses
    {"include-operation-id": "forget_samples", "checks": {"positive_data_acceptance": {"enabled": False}}},
    {"include-operation-id": "remove_dataset", "checks": {"positive_data_acceptance": {"enabled": False}}},
    {"include-operation-id": "remove_study", "checks": {"positive_data_acceptance": {"enabled": False}}},
    # these paths are also those of a study and a dataset "import" and of an index "lookup", for which there is GET
    {"include-operation-id": "import_dataset", "checks": {"allow_header_conformance": {"enabled": False}}},
    {"include-operation-id": "import_scores", "checks": {"allow_header_conformance": {"enabled": False}}},
    {"include-operation-id": "look_up_scores", "checks": {"allow_header_conformance": {"enabled": False}}},
    {"include-operation-id": "look_up_scores", "checks": {"unsupported_method": {"enabled": False}}},
]


@schemathesis.serializer("application/x-npz")
def _as_it_is(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return serialize_binary(value)


def _no_false_alarm(_: schemathesis.HookContext, failure: Failure, case: schemathesis.Case, response: Any) -> bool:
    """What cannot be said of one parameter: a cursor comes from a page, and thresholds and bounds do not cross."""
    query = case.query or {}
    crossing = (
        case.path.endswith("/sets") and "threshold" in response.text
    ) or "ends before it starts" in response.text
    return not (isinstance(failure, RejectedPositiveData) and ("cursor" in query or crossing))


@pytest.fixture
def prepared(
    database: Database, dataset: Dataset, settings_of_sqlite: Settings, monkeypatch: pytest.MonkeyPatch
) -> Database:
    """A database in which there is what the document's examples name."""
    design = Design()
    trials = make_trials(dataset, design, blocks=4)
    save(dataset, settings_of_sqlite.home)
    with database.writing() as connection, monkeypatch.context() as names:
        record = datasets.register(connection, "digits", dataset)
        study = studies.ensure(connection, record, recipe_of("digits"), design, "digits")
        evidence.add(connection, study.id, trials)
        tables.add(connection, study.id, *build(dataset, trials, design, study.id))
        names.setattr("memscore.store.jobs.secrets.token_hex", lambda _: JOB)
        jobs.submit(connection, study.id, Wanted(target=Target(trials=100)), 40)
        job_logs.append(connection, JOB, 1, "a line")
        for identifier, key in ((KEY, "any"), (str(id_of(EXAMPLE_KEY)), EXAMPLE_KEY)):
            api_keys.add(connection, identifier, key, pepper_of(settings_of_sqlite), "tests", "read", None)
    return database


def described(database: Database, examples: int, runs: Path, *, key: str | None = None) -> BaseSchema:
    """The document with the application behind it, which asks for `key`; `examples` at random of each operation."""
    app = create_app(database, (), Protection(keys_required=key is not None), runs=runs)
    app.state.stopping.set()  # event streams of jobs that go on end at once
    config = {
        "generation": {"deterministic": True, "max-examples": examples},
        "phases": {"stateful": {"generation": {"max-examples": examples}}},
        "operations": FALSE_ALARMS,
        "headers": {} if key is None else {"Authorization": f"Bearer {key}"},
    }
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=SchemathesisConfig.from_dict(config))
    schema.hooks.hook("filter_failure")(_no_false_alarm)
    return schema


@pytest.fixture
def admin(database: Database, settings_of_sqlite: Settings) -> str:
    """A key that may do everything."""
    key, identifier = generate()
    with database.writing() as connection:
        api_keys.add(connection, identifier, key, pepper_of(settings_of_sqlite), "tests", "admin", None)
    return key


def mistakes(schema: BaseSchema) -> Iterator[str]:
    """What Schemathesis finds in all its phases, with a command that shows it again."""
    load_all_checks()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            for check in (check for checks in event.recorder.checks.values() for check in checks):
                if check.status is Status.FAILURE and (told := check.failure_info) is not None:
                    yield f"{event.label or 'in a sequence of requests'}: {told.failure}\n{told.code_sample}"
        elif isinstance(event, events.NonFatalError):
            yield f"{event.label}: {event.info.format()}"


@pytest.mark.parametrize(
    ("study", "keyed", "examples"),
    [
        ("prepared", True, 1),
        *(pytest.param("prepared", keyed, 200, marks=pytest.mark.slow) for keyed in (False, True)),
        *(pytest.param("database", True, examples, marks=pytest.mark.slow) for examples in (1, 200)),
    ],
)
def test_the_service_does_what_its_document_says(
    database_url: str, study: str, keyed: bool, examples: int, request: pytest.FixtureRequest, tmp_path: Path
):
    key = request.getfixturevalue("admin") if keyed else None
    found = list(mistakes(described(request.getfixturevalue(study), examples, make_runs(tmp_path), key=key)))
    assert not found, "\n\n".join(found)


@pytest.fixture
def http(prepared: Database, tmp_path: Path) -> Iterator[httpx.Client]:
    with in_process(prepared, runs=make_runs(tmp_path)) as client:
        yield client


def operations(http: httpx.Client) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each operation."""
    for path, methods in http.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_the_document_describes_every_operation(http: httpx.Client):
    assert " ".join(sorted(operation["operationId"] for _, _, operation in operations(http))) == OPERATIONS
    for method, path, operation in operations(http):
        where = f"{method} {path}"
        assert len(operation["tags"]) == 1, where
        assert operation["summary"], where
        assert operation["description"].endswith("."), where
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), f"{where}: {parameter['name']}"
        for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
            if media_type == "application/json":
                assert body.get("examples") or body.get("example"), where
            else:
                assert operation["requestBody"]["description"], where
        for status, response in operation["responses"].items():
            assert response["description"], f"{where}: {status}"
            if status >= "400":
                (media_type,) = response["content"]
                assert media_type == "application/problem+json", f"{where}: {status}"


def test_examples_of_the_document_are_answered(http: httpx.Client):
    for method, path, operation in operations(http):
        address, needed = path, {}
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                address = address.replace(f"{{{parameter['name']}}}", str(parameter["schema"]["examples"][0]))
            elif parameter["in"] == "query" and parameter.get("required") and "requestBody" not in operation:
                needed[parameter["name"]] = parameter["schema"]["examples"][0]
        for media_type, body in operation.get("requestBody", {"content": {"": {}}})["content"].items():
            for example in body.get("examples", {"none": {"value": None}}).values():
                if media_type in ("", "application/json") and "{job}/events" not in path:
                    http.cookies.clear()  # of a session
                    response = http.request(method, address, params=needed, json=example["value"])
                    if operation["operationId"] in USED:
                        assert response.status_code == 409, f"{method} {address}: {response.text}"
                    else:
                        assert response.status_code < 300, f"{method} {address}: {response.text}"
