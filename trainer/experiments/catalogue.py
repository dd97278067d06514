"""Every figure and table of the paper that is reproduced."""

from __future__ import annotations

from memscore.errors import InvalidInput
from trainer.experiments.item import Item
from trainer.experiments.kinds.atypical import Atypical
from trainer.experiments.kinds.distances import Distances
from trainer.experiments.kinds.examples import Examples
from trainer.experiments.kinds.grid import Grid
from trainer.experiments.kinds.histogram import MemHistogram
from trainer.experiments.kinds.pairs import InfluentialPairs
from trainer.experiments.kinds.poisoning import Poisoning
from trainer.experiments.kinds.removal import Removal
from trainer.experiments.kinds.tables import ByAttack, ByGroup
from trainer.experiments.kinds.training import Training
from trainer.experiments.scales import CIFAR10, CIFAR100, RESNET18, RESNET32, TINY, WRN

MAIN = ((CIFAR100, RESNET18),)
ON_CIFAR100 = ((CIFAR100, RESNET18), (CIFAR100, WRN))
ON_CIFAR10 = ((CIFAR10, RESNET18), (CIFAR10, WRN))
ON_TINY = ((TINY, RESNET32), (TINY, WRN))
EVERY = ((CIFAR10, RESNET18), (CIFAR100, RESNET18), (TINY, RESNET32))

ALONG_ALL = "atypical samples during training on all samples"
ALONG_PART = "typical test samples with 0, 20 and 100 % of the atypical samples"
APART = "cosine distance of classes with 0, 20 and 100 % of the atypical samples"

ITEMS = {
    item.name: item
    for item in (
        Item("fig6", "Figure 6: images with different memorization values", Examples(), EVERY, 3),
        Item("fig7", "Figure 7: histogram of memorization values", MemHistogram(), EVERY, 3),
        Item("fig8", "Figure 8: pairs of high influence", InfluentialPairs(), EVERY, 3),
        Item("fig2", f"Figure 2: {ALONG_PART}, CIFAR-100", Removal("pgd"), MAIN),
        Item("fig15", f"Figure 15: {ALONG_PART}, CIFAR-100, ERM", Removal("erm"), ON_CIFAR100),
        Item("table1", f"Table 1: {APART}, CIFAR-100", Distances(curves=False), ON_CIFAR100),
        Item("fig21", f"Figure 21: {APART}, CIFAR-100", Distances(curves=True), ON_CIFAR100),
        Item("fig1", f"Figure 1: {ALONG_ALL}, CIFAR-100", Atypical("pgd"), MAIN),
        Item("fig9", f"Figure 9: {ALONG_ALL}, CIFAR-100, ERM", Atypical("erm"), ON_CIFAR100),
        Item("fig3", "Figure 3: poisoning atypical samples", Poisoning(), MAIN),
        Item("fig4", "Figure 4: clean and adversarial accuracy during training, every method", Training(), MAIN),
        Item("table2", "Table 2: methods by groups of samples, CIFAR-100, ResNet-18", ByGroup(), MAIN),
        Item("table4", "Table 4: methods by attacks, CIFAR-100, ResNet-18", ByAttack(), MAIN),
        Item("fig13", f"Figure 13: {ALONG_ALL}, CIFAR-10", Atypical("pgd"), ON_CIFAR10, seeds=1),
        Item("fig10", f"Figure 10: {ALONG_ALL}, CIFAR-10, ERM", Atypical("erm"), ON_CIFAR10, seeds=1),
        Item("fig14", f"Figure 14: {ALONG_ALL}, Tiny ImageNet", Atypical("pgd"), ON_TINY, seeds=1),
        Item("fig11", f"Figure 11: {ALONG_ALL}, Tiny ImageNet, ERM", Atypical("erm"), ON_TINY, seeds=1),
        Item(
            "table3", "Table 3: methods by groups of samples, Tiny ImageNet, ResNet-32", ByGroup(), ON_TINY[:1], seeds=1
        ),
        Item("table6", "Table 6: methods by attacks, Tiny ImageNet, ResNet-32", ByAttack(), ON_TINY[:1], seeds=1),
        Item("fig16", f"Figure 16: {ALONG_PART}, CIFAR-10, ERM", Removal("erm"), ON_CIFAR10, seeds=1),
        Item("fig17", f"Figure 17: {ALONG_PART}, Tiny ImageNet, ERM", Removal("erm"), ON_TINY, seeds=1),
        Item("fig19", f"Figure 19: {ALONG_PART}, CIFAR-10", Removal("pgd"), ON_CIFAR10, seeds=1),
        Item("fig20", f"Figure 20: {ALONG_PART}, Tiny ImageNet", Removal("pgd"), ON_TINY, seeds=1),
        Item("fig22", f"Figure 22: {APART}, CIFAR-10", Distances(curves=True), ON_CIFAR10, seeds=1),
        Item("fig23", f"Figure 23: {APART}, Tiny ImageNet", Distances(curves=True), ON_TINY, seeds=1),
        Item("fig5", "Figure 5: BAT over alpha and beta", Grid(), MAIN, seeds=1),
        Item("fig12", f"Figure 12: {ALONG_ALL}, CIFAR-100", Atypical("pgd"), ON_CIFAR100, 2, seeds=1),
        Item("fig18", f"Figure 18: {ALONG_PART}, CIFAR-100", Removal("pgd"), ON_CIFAR100, 2, seeds=1),
        Item("table5", "Table 5: methods by attacks, CIFAR-100, WRN-28-10", ByAttack(), ON_CIFAR100[1:], seeds=1),
        Item("table7", "Table 7: methods by attacks, Tiny ImageNet, WRN-28-10", ByAttack(), ON_TINY[1:], seeds=1),
    )
}
"""In the order of production: the most informative for their time come first. At mini scale a finding has three seeds
where it first appears, and one where it is repeated on other data or with another network."""


def chosen(what: list[str]) -> list[Item]:
    """The items with these names, in the catalogue's order; "all" selects every item. Raises InvalidInput."""
    unknown = [name for name in what if name not in ITEMS and name != "all"]
    if unknown:
        raise InvalidInput(f"There is no item {unknown[0]!r}; the items are: {', '.join(ITEMS)}, or all.")
    return [item for item in ITEMS.values() if "all" in what or item.name in what]
