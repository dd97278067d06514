"""`memscore verify`: what is right holds, what is made wrong fails, and what cannot be looked at is not passed over."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from memscore.cli import app
from memscore.errors import MissingPackage
from memscore.learning.networks import SmallCNN
from trainer.attacks import Attack, ascent
from trainer.learner import Learner
from trainer.methods import bat, gairat, mart, trades
from trainer.verification import certificate, command, golden, identities, peers
from trainer.verification.check import VerificationCheck, VerificationResult, examine
from trainer.verification.material import Material, patterns

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Generator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def material() -> Material:
    """An untrained network and noise: quick."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network, images = SmallCNN(1, 10, 4), torch.rand(8, 1, 8, 8)
    attack = Attack(epsilon=0.1, step_size=0.05, steps=3, random_start=False)
    return Material(network.eval(), images, torch.arange(8), attack)


def failing(checks: list[VerificationCheck]) -> set[str]:
    findings = [examine(check) for check in checks]
    assert {finding.verdict for finding in findings} <= {"holds", "fails"}
    return {finding.check.partition(":")[0] for finding in findings if finding.verdict == "fails"}


def test_every_golden_value_and_identity_holds(material: Material):
    assert failing(golden.checks(CPU)) == set()
    assert failing(identities.checks(material)) == set()


def negated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *given, **named: -function(*given, **named)


def shifted(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *given, **named: function(*given, **named) + 1e-5


BREAKS: list[tuple[Any, str, Callable[..., Any], str]] = [
    (bat, "poisoning_scores", shifted, "BAT"),
    (bat, "poisoning_weights", negated, "BAT"),
    (trades, "divergences", shifted, "TRADES"),
    (mart, "boosted_cross_entropy", shifted, "MART"),
    (mart, "weighted_divergence", shifted, "MART"),
    (gairat, "geometry_weights", lambda f: lambda kappa, steps, shift: f(kappa, steps + 2, shift), "GAIRAT"),
]


@pytest.mark.parametrize(("module", "name", "broken", "method"), BREAKS, ids=[name for _, name, *_ in BREAKS])
def test_a_wrong_formula_fails_its_golden_values(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, broken: Callable[..., Any], method: str
):
    monkeypatch.setattr(module, name, broken(getattr(module, name)))
    assert failing(golden.checks(CPU)) == {method}


def test_weights_with_a_gradient_fail(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(golden, "BATOptions", partial(bat.BATOptions, detach=False))
    assert failing(golden.checks(CPU)) == {"BAT"}


@pytest.mark.parametrize("method", ["bat", "gairat", "trades", "mart"])
def test_a_method_that_is_not_the_other_fails_its_identity(
    monkeypatch: pytest.MonkeyPatch, material: Material, method: str
):
    """As if the switch were without effect."""
    learner = identities.learner

    def deaf(name: str, **options: Any) -> Learner:
        return learner(name, **({} if name == method else options))

    monkeypatch.setattr(identities, "learner", deaf)
    failed = failing(identities.checks(material))
    assert {name.partition("(")[0].lower() for name in failed} == {method}


def test_an_attack_that_leaves_its_ball_fails(monkeypatch: pytest.MonkeyPatch, material: Material):
    monkeypatch.setattr(ascent, "project", lambda adversarial, *_: adversarial.clamp_(0, 1))
    assert failing(identities.checks(material)) == {"PGD(epsilon 0) = the clean images"}


def test_a_check_that_breaks_off_fails_and_says_how():
    def look() -> tuple[str, bool]:
        raise ValueError("no such class")

    assert examine(VerificationCheck("w", "1", look)) == VerificationResult(
        "w", "1", "ValueError: no such class", "fails"
    )


def test_a_peer_that_is_missing_is_not_checked_and_says_what_to_install(material: Material):
    absent = peers.PeerAttack("absent_peer", "PGD", lambda *_: material.images, lambda _: material.images)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(peers.INSTALL, "absent_peer", "absent-peer tqdm")
        patch.setattr(peers, "COMPARISONS", (absent,))
        (finding,) = [examine(check) for check in peers.checks(material)]
        with pytest.raises(MissingPackage):
            absent.images(material)
    assert finding.verdict == "not checked"
    assert finding.found.endswith("pip install --no-deps absent-peer tqdm")


def test_what_a_peer_does_to_its_network_does_not_reach_the_next_one(material: Material):
    """As ART does, which leaves it in train mode."""

    def spoiling(_: object, given: Material) -> torch.Tensor:
        given.network.train()
        given.images.zero_()
        return given.images

    before = material.images.clone()
    peers.PeerAttack("json", "PGD", spoiling, lambda one: one.images.clone()).images(material)
    assert not material.network.training
    assert torch.equal(material.images, before)


@pytest.mark.parametrize("distance", [0.0, 1e-7])
def test_a_peer_whose_images_differ_in_the_last_bit_fails(
    monkeypatch: pytest.MonkeyPatch, material: Material, distance: float
):
    other = peers.PeerAttack("json", "PGD", lambda *_: material.images + distance, lambda _: material.images)
    monkeypatch.setattr(peers, "COMPARISONS", (other,))
    (finding,) = [examine(check) for check in peers.checks(material)]
    assert finding.verdict == ("fails" if distance else "holds")


def test_the_patterns_are_the_same_each_time_and_draw_nothing():
    state = torch.get_rng_state()
    one, other = patterns(8), patterns(8)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.images, other.images)
    with torch.no_grad():
        logits = one.network(one.images)
        assert torch.equal(logits, other.network(other.images))
    assert torch.equal(logits.argmax(dim=1), one.labels)


class TestCommand:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch, material: Material) -> None:
        monkeypatch.setattr(certificate, "patterns", lambda: material)
        monkeypatch.setattr(peers, "COMPARISONS", ())

    def test_the_certificate_names_versions_device_and_date(self):
        result = CliRunner().invoke(app, ["verify", "--json"])
        assert result.exit_code == 0
        told = json.loads(result.output)
        assert told["valid"] is True
        assert told["versions"]["torch"] == torch.__version__
        assert told["device"]
        assert told["date"]
        assert {finding["verdict"] for finding in told["findings"]} == {"holds"}

    def test_it_is_a_table_for_people(self):
        result = CliRunner().invoke(app, ["verify"])
        assert result.exit_code == 0
        assert "TRADES(beta 0) = ERM" in result.output
        assert "0 fail, 0 not checked" in result.output

    @pytest.mark.parametrize("options", [[], ["--json"]])
    def test_the_exit_status_tells_a_failure(self, monkeypatch: pytest.MonkeyPatch, options: list[str]):
        monkeypatch.setattr(bat, "poisoning_weights", negated(bat.poisoning_weights))
        assert CliRunner().invoke(app, ["verify", *options]).exit_code == 1

    @pytest.mark.parametrize("right", [True, False])
    def test_it_runs_as_a_module_too(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], right: bool
    ):
        if not right:
            monkeypatch.setattr(gairat, "geometry_weights", shifted(gairat.geometry_weights))
        with pytest.raises(SystemExit) as ended:
            command.main()
        assert ended.value.code == (not right)
        assert json.loads(capsys.readouterr().out)["valid"] is right
