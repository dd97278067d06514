"""What docker-compose.yml, Dockerfile and .env.example must say, read without running anything."""

from __future__ import annotations

import re
import subprocess

import pytest

from api.protection import protection_of
from memscore.settings import Settings
from tests.deployment import compose as compose_file
from tests.deployment.compose import FILE, ROOT, Compose, Service, Unset, interpolate, load

ONE_SHOT = "migrate"
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.fixture
def long_running(compose: Compose) -> dict[str, Service]:
    return {name: service for name, service in compose.services.items() if name != ONE_SHOT}


def test_secrets_have_no_default_and_their_absence_says_what_to_do(given: dict[str, str]):
    for name in ("POSTGRES_PASSWORD", "RAY_AUTH_TOKEN"):
        with pytest.raises(Unset, match=rf"{name} is not set; .*\.env"):
            load({**given, name: ""})
    load({name: given[name] for name in ("POSTGRES_PASSWORD", "RAY_AUTH_TOKEN")})  # all else has a default


def test_no_value_holds_a_secret_but_from_the_environment():
    for name, value in re.findall(
        r"^ +(\w*(?:PASSWORD|TOKEN|SECRET|PEPPER|KEY(?!S))\w*): *(.*)$", FILE.read_text(), re.MULTILINE
    ):
        assert re.match(r"\$\{(POSTGRES_PASSWORD|RAY_AUTH_TOKEN):\?", value), name


def test_the_example_names_every_secret_and_no_value():
    lines = [line for line in (ROOT / ".env.example").read_text().splitlines() if not line.startswith("#")]
    assert lines == ["POSTGRES_PASSWORD=", "RAY_AUTH_TOKEN="]
    if (ROOT / ".git").exists():
        assert subprocess.run(["git", "check-ignore", "-q", ".env"], cwd=ROOT).returncode == 0


def test_only_the_api_is_published_to_this_host_alone_and_asks_for_keys(compose: Compose):
    assert {name: service.ports for name, service in compose.services.items() if service.ports} == {
        "api": ["127.0.0.1:8000:8000"]
    }
    assert compose.services["api"].environment["MEMSCORE_REQUIRE_KEYS"] == "1"
    assert {"--host=0.0.0.0", "--port=8000"} <= set(compose.services["api"].command or [])
    deployed = Settings.model_validate({"require_keys": compose.services["api"].environment["MEMSCORE_REQUIRE_KEYS"]})
    assert protection_of(deployed, "0.0.0.0").keys_required


def test_what_runs_long_has_a_health_check_and_comes_back(long_running: dict[str, Service]):
    for name, service in long_running.items():
        assert service.healthcheck is not None, name
        assert service.restart == "unless-stopped", name


def test_who_uses_the_database_waits_for_its_schema(compose: Compose):
    for name, service in compose.services.items():
        if "MEMSCORE_DATABASE_URL" in service.environment and name != ONE_SHOT:
            assert service.depends_on["migrate"].condition == "service_completed_successfully", name


def test_images_are_postgresql_or_a_target_of_the_one_dockerfile(compose: Compose):
    targets = set(re.findall(r"^FROM .* AS (\w+)$", DOCKERFILE, re.MULTILINE))
    for name, service in compose.services.items():
        if service.build is None:
            assert name == "db"
            assert service.image.startswith("postgres:17")
        else:
            assert service.image == f"memscore:{service.build.target}"
            assert service.build.target in targets
            assert all(f"\nARG {argument}=" in DOCKERFILE for argument in service.build.args)


def test_what_the_dockerfile_copies_is_there_and_is_let_in():
    let_in = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == let_in
    assert all((ROOT / source).exists() for source in copied)


def test_a_wheel_has_all_that_it_is_built_from_copied():
    """What pyproject.toml names as packages and files of the wheel."""
    pyproject = (ROOT / "pyproject.toml").read_text()
    packages = re.search(r"^packages = \[(.*)\]$", pyproject, re.MULTILINE)
    assert packages is not None
    for name in (*re.findall(r'"(\w+)"', packages[1]), "migrations", "README.md", "LICENSE"):
        assert re.search(rf"^COPY .*\b{re.escape(name)}\b", DOCKERFILE, re.MULTILINE), name


def test_variables_of_memscore_are_settings(compose: Compose):
    known = {f"MEMSCORE_{name.upper()}" for name in Settings.model_fields}
    for name, service in compose.services.items():
        for variable in service.environment:
            assert not variable.startswith("MEMSCORE_") or variable in known, f"{name}: {variable}"
    for variable in re.findall(r"\b(MEMSCORE_\w+)=", DOCKERFILE):
        assert variable in known


def test_every_variable_of_the_file_is_explained():
    text = (ROOT / "docs" / "deployment.md").read_text()
    for variable in set(re.findall(r"\$\{(\w+)", FILE.read_text())):
        assert f"`{variable}`" in text, variable


def test_volumes_are_declared_and_used(compose: Compose):
    mounted = {volume for service in compose.services.values() for volume in service.mounts().values()}
    assert mounted == set(compose.volumes)


def test_home_is_shared_by_all_that_read_datasets_and_workers_know_no_database(compose: Compose):
    for name, service in compose.services.items():
        assert ("home" in service.mounts().values()) == ("MEMSCORE_HOME" in service.environment), name
        if name.startswith("ray-worker"):
            assert all(variable.startswith("RAY_") for variable in service.environment), name


def test_by_default_the_object_store_fits_into_shared_memory(given: dict[str, str]):
    bare = load({name: given[name] for name in ("POSTGRES_PASSWORD", "RAY_AUTH_TOKEN")})
    for name, service in bare.services.items():
        for word in service.command or []:
            if word.startswith("--object-store-memory="):
                assert service.shm_size is not None
                assert int(word.partition("=")[2]) < service.shm_size, name


def test_only_gpu_workers_need_the_profile_and_a_gpu(compose: Compose):
    for name, service in compose.services.items():
        is_gpu = name == "ray-worker-gpu"
        assert (service.profiles == ["gpu"]) == is_gpu
        assert (service.deploy.resources is not None) == is_gpu
        assert service.image.endswith(":cuda") == is_gpu


def test_an_unknown_key_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path, given: dict[str, str]):
    changed = tmp_path / "docker-compose.yml"
    changed.write_text(FILE.read_text().replace("  init: true", "  init: true\n  privileged: true", 1))
    monkeypatch.setattr(compose_file, "FILE", changed)
    with pytest.raises(ValueError, match="privileged"):
        load(given)


@pytest.mark.parametrize(
    ("text", "read"),
    [("${A}", "1"), ("${A:-2}", "1"), ("${B:-2}", "2"), ("${B:-}", ""), ("${A:?no}x", "1x"), ("$$A", "$A"), ("a", "a")],
)
def test_variables_are_read_as_compose_reads_them(text: str, read: str):
    assert interpolate(text, {"A": "1"}) == read


@pytest.mark.parametrize("text", ["$A", "${A:+1}", "${A-1}", "${A:-${B}}", "$"])
def test_what_is_not_understood_of_variables_is_an_error(text: str):
    with pytest.raises(ValueError, match="not understood"):
        interpolate(text, {"A": "1"})
