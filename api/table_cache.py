"""Keeps the current tables of studies in memory, so that a look-up costs no SQL."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.metadata import version
from typing import Any, Concatenate, Literal, ParamSpec, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from anyio import to_thread
from starlette.responses import Response

from api import numeric_json
from api.expensive import Lanes
from api.file_answers import NPZ, Representation
from memscore import settings
from memscore.arrays import Indices
from memscore.datasets.dataset import SPLITS, Dataset
from memscore.datasets.forgotten import NONE, Forgotten
from memscore.datasets.storage import open_dataset
from memscore.errors import Damaged, NoScoresYet, NotFound
from memscore.messages.message import Message
from memscore.messages.scores import ScoreColumns
from memscore.scores.comparison import TableComparison, at_threshold, compare
from memscore.scores.duplicates import Copies, near_duplicates
from memscore.scores.frames import Format, Rows, encode
from memscore.scores.label_errors import LabelErrors, label_errors
from memscore.scores.risk import riskiest
from memscore.scores.selection import Order
from memscore.scores.sets import Sets, split
from memscore.scores.tables import ATYPICAL, TYPICAL, PairsTable, ScoreTable, Table
from memscore.store import Database, datasets, forgotten, studies, tables
from memscore.store.datasets import DatasetRecord
from memscore.store.rebuilding import harmful_pairs
from memscore.store.studies import StudyRecord

FRESH_SECONDS = 1.0
MOST_BYTES = 4 * 2**30  # of tables in memory; the last one requested always stays
MOST_EXPORTS = 8  # in memory per study
MOST_SEARCHES = 4  # for copies, in memory per study
BYTES_A_COPY = 400
MOST_ANSWERS = 16  # in memory per study; the same number of comparisons with other studies

MEDIA_TYPES: dict[Format, str] = {
    "npz": NPZ,
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
}

Asked = ParamSpec("Asked")
Result = TypeVar("Result")
OrderKey: TypeAlias = Order | Literal["risk"]
AnswerKey: TypeAlias = tuple[object, ...]

_LOOKED_UP = [name for name in ScoreColumns.model_fields if name in ScoreTable.dtypes]
_ATYPICAL, _TYPICAL = np.float32(ATYPICAL), np.float32(TYPICAL)


@dataclass
class StudyTables:
    """A study with its current tables, and the results derived from them for earlier requests."""

    study: StudyRecord
    dataset: DatasetRecord
    scores: ScoreTable
    pairs: PairsTable
    scores_file: Representation
    pairs_file: Representation
    checked_at: float
    lanes: Lanes = field(repr=False)
    names: dict[Rows, npt.NDArray[np.str_] | None] = field(default_factory=dict[Rows, npt.NDArray[np.str_] | None])
    exports: OrderedDict[AnswerKey, Representation] = field(default_factory=OrderedDict[AnswerKey, Representation])
    orders: dict[OrderKey, Indices] = field(default_factory=dict[OrderKey, Indices])
    errors: LabelErrors | None = None
    sets: Sets | None = None
    answers: OrderedDict[AnswerKey, bytes] = field(default_factory=OrderedDict[AnswerKey, bytes])
    comparisons: OrderedDict[str, TableComparison] = field(default_factory=OrderedDict[str, TableComparison])
    harmful: PairsTable | None = None
    forgotten: Forgotten = NONE
    copying: OrderedDict[float, list[Copies]] = field(default_factory=OrderedDict[float, list[Copies]])

    @classmethod
    def of(
        cls,
        study: StudyRecord,
        dataset: DatasetRecord,
        scores: tables.Version,
        pairs: tables.Version,
        names: dict[Rows, npt.NDArray[np.str_] | None],
        lanes: Lanes,
        checked_at: float,
        gone: Forgotten,
    ) -> StudyTables:
        """Decode stored versions; `names` of the samples of both parts, of which some are `gone`. Raises Damaged."""
        return cls(
            study,
            dataset,
            scores.decode(ScoreTable),
            pairs.decode(PairsTable),
            Representation.of(scores.payload, f"{study.name}.scores.npz", etag=scores.digest),
            Representation.of(pairs.payload, f"{study.name}.pairs.npz", etag=pairs.digest),
            checked_at,
            lanes,
            names,
            forgotten=gone,
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, by label."""
        return self.dataset.class_names

    @property
    def digests(self) -> tuple[str, str]:
        """Digests of both tables."""
        return self.scores.digest, self.pairs.digest

    @property
    def bytes(self) -> int:
        """Approximate memory of the tables and of everything derived from them."""
        exports = sum(len(export.payload) for export in self.exports.values())
        orders = sum(order.nbytes for order in self.orders.values())
        if self.errors is not None:
            orders += self.errors.order.nbytes + self.errors.label_error.nbytes
        answers = sum(map(len, self.answers.values()))
        if self.harmful is not None:
            answers += sum(column.nbytes for column in self.harmful.columns.values())
        answers += 8 * len(self.pairs)  # its index by sample
        answers += BYTES_A_COPY * sum(map(len, self.copying.values()))
        return 2 * (len(self.scores_file.payload) + len(self.pairs_file.payload)) + exports + orders + answers

    @cached_property
    def source(self) -> dict[str, Any]:
        """The source of the scores, which every answer names."""
        return {"study": self.study.id, "trials": self.scores.trials, "digest": self.scores.digest}

    def row(self, index: int) -> dict[str, Any]:
        """One training sample with the fields of SampleScore; numbers are NumPy's."""
        of = self.scores.columns
        mem = of["mem"][index]
        margins = {} if "mem_margin" not in of else self._by_margins(index)
        return {
            "index": index,
            **self.named("train", index),
            "label": of["label"][index],
            "mem": mem,
            "se": of["se"][index],
            "interval": (of["mem_low"][index], of["mem_high"][index]),
            "p_in": of["p_in"][index],
            "p_out": of["p_out"][index],
            "n_in": of["n_in"][index],
            "n_out": of["n_out"][index],
            "set": "atypical" if mem > _ATYPICAL else "typical" if mem < _TYPICAL else None,
            **margins,
        }

    def named(self, split: Rows, index: int) -> dict[str, str]:
        """The field `name` of a sample, if it has one."""
        names = self.names.get(split)
        return {} if names is None or not names[index] else {"name": str(names[index])}

    def _by_margins(self, index: int) -> dict[str, Any]:
        of = self.scores.columns
        return {
            "mem_margin": of["mem_margin"][index],
            "se_margin": of["se_margin"][index],
            "margin_interval": (of["mem_margin_low"][index], of["mem_margin_high"][index]),
            "risk": of["risk"][index],
            "se_risk": of["se_risk"][index],
        }

    def columns_at(self, indices: Indices) -> dict[str, Any]:
        """Training samples with the fields of ScoreColumns; the indices must be valid."""
        of = self.scores.columns
        return self.source | {"index": indices} | {name: of[name][indices] for name in _LOOKED_UP if name in of}

    async def order(self, order: OrderKey) -> Indices:
        """The training samples in an order, sorted once; `risk`: those with a risk, the highest first."""
        if order not in self.orders:
            self.orders[order] = await self._once("pages", ("order", order), lambda: self._sorted(order))
        return self.orders[order]

    def _sorted(self, order: OrderKey) -> Indices:
        return order.of(self.scores) if isinstance(order, Order) else riskiest(self.scores, len(self.scores))

    async def label_errors(self) -> LabelErrors:
        """The samples with a score, likely label errors first, estimated once."""
        if self.errors is None:
            self.errors = await self._once("pages", ("label_errors",), lambda: label_errors(self.scores))
        return self.errors

    async def at_thresholds(self) -> Sets:
        """The sets at the paper's thresholds, found once."""
        if self.sets is None:
            self.sets = await self._once("pages", ("sets",), lambda: split(self.scores, self.pairs))
        return self.sets

    async def made(
        self, make: Callable[Concatenate[StudyTables, Asked], Result], *args: Asked.args, **named: Asked.kwargs
    ) -> Result:
        """`make(self, *args)`, which looks at all rows: in a thread, once for equal arguments at a time."""
        key = (make.__module__, make.__qualname__, *args, *named.items())
        return await self._once("pages", key, lambda: make(self, *args, **named))

    async def page(
        self, make: Callable[Concatenate[StudyTables, Asked], Any], *args: Asked.args, **named: Asked.kwargs
    ) -> Response:
        """JSON of `make(self, *args)`, as `made` has it."""
        key = (make.__module__, make.__qualname__, *args, *named.items())
        body = await self._once("pages", key, lambda: numeric_json.encode(make(self, *args, **named)))
        return Response(body, media_type="application/json")

    async def answer(self, key: AnswerKey, make: Callable[[], Message]) -> Response:
        """A message about all samples, made once; equal keys mean equal answers."""
        if key not in self.answers:
            body = await self._once("whole", ("answer", *key), lambda: make().model_dump_json().encode())
            self.answers[key] = body
            while len(self.answers) > MOST_ANSWERS:
                self.answers.popitem(last=False)
            return Response(body, media_type="application/json")
        return Response(self.answers[key], media_type="application/json")

    async def harmful_pairs(self, database: Database) -> PairsTable:
        """The harmful pairs across all classes, looked for once. Raises Conflict as the store does."""
        if self.harmful is None:
            find = partial(harmful_pairs, database, self.study, self.scores)
            self.harmful = await self._once("whole", ("harmful",), find)
        return self.harmful

    async def copies(self, dataset: Dataset, alike: float) -> list[Copies]:
        """Copies of training samples that are at least so alike, looked for once and kept among the last ones."""
        if alike in self.copying:
            return self.copying[alike]
        arrays = dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test
        gone = self.forgotten | dataset.forgotten
        without = gone.train, gone.test
        find = partial(near_duplicates, *arrays, scores=self.scores, pairs=self.pairs, alike=alike, without=without)
        found = self.copying[alike] = await self._once("searches", ("copies", alike), find)
        while len(self.copying) > MOST_SEARCHES:
            self.copying.popitem(last=False)
        return found

    def compared(self, other: StudyTables, threshold: float) -> TableComparison:
        """These scores compared with another study's. Raises FingerprintMismatch, InvalidInput."""
        found = self.comparisons.get(other.scores.digest)
        if found is not None:
            return at_threshold(found, self.scores, other.scores, threshold)
        found = self.comparisons[other.scores.digest] = compare(self.scores, other.scores, threshold)
        while len(self.comparisons) > MOST_ANSWERS:
            self.comparisons.popitem(last=False)
        return found

    async def export(self, kind: Literal["scores", "pairs"], format: Format, rows: Rows) -> Representation:
        """A table in another format, made once."""
        table: Table = self.scores if kind == "scores" else self.pairs
        names = self.names.get(rows) if kind == "scores" else None
        gone = len(self.forgotten.part(rows))
        make = partial(exported, table, self.study.name, format, rows, names, gone)
        return await self.exported((kind, format, rows), make)

    async def exported(self, key: AnswerKey, make: Callable[[], Representation]) -> Representation:
        """A file made from a table, kept among the last ones."""
        if key in self.exports:
            return self.exports[key]
        found = self.exports[key] = await self._once("whole", ("export", *key), make)
        while len(self.exports) > MOST_EXPORTS:
            self.exports.popitem(last=False)
        return found

    async def _once(
        self, lane: Literal["whole", "pages", "searches"], key: AnswerKey, make: Callable[[], Result]
    ) -> Result:
        """What `make` returns; for equal keys at the same time it is called once."""
        lanes = {"whole": self.lanes.whole, "pages": self.lanes.pages, "searches": self.lanes.searches}
        return await lanes[lane].once((self.study.id, *self.digests, *key), make)


def exported(
    table: Table, study_name: str, format: Format, rows: Rows, names: npt.NDArray[np.str_] | None = None, gone: int = 0
) -> Representation:
    """A table in another format, with the samples' names if they are known; `gone` of them were forgotten.

    Its tag names the version of pyarrow, since others may write other bytes.
    """
    filename = f"{study_name}.{rows if isinstance(table, ScoreTable) else 'pairs'}.{format}"
    named = "" if names is None else f"-named-without-{gone}" if gone else "-named"
    etag = f"{table.digest}-{rows}-{format}-{version('pyarrow')}{named}"
    listed = None if names is None else names.tolist()
    return Representation.of(encode(table, format, rows, listed), filename, MEDIA_TYPES[format], etag)


def _names(fingerprint: str, noted: Forgotten) -> dict[Rows, npt.NDArray[np.str_] | None]:
    """The ids or file names of a dataset's samples, empty for those that are noted as forgotten, here or in its files.

    None if its files are not in the home folder.
    """
    try:
        dataset = open_dataset(settings.load().home, fingerprint)
        names: dict[Rows, npt.NDArray[np.str_] | None] = {part: dataset.columns.names(part) for part in SPLITS}
    except (NotFound, Damaged):
        return {}
    for part, of_part in names.items():
        if of_part is not None:
            of_part[list((noted | dataset.forgotten).part(part))] = ""
    return names


class TableCache:
    """The most recently requested studies; each is compared with the database at most once a second.

    While one request compares, others use the previous tables. Use it from one event loop only, except `drop`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.lanes = Lanes()
        self.entries: OrderedDict[str, StudyTables] = OrderedDict()
        self.loading: dict[str, tuple[float, asyncio.Task[StudyTables]]] = {}
        self.dropped_at = float("-inf")

    def drop(self) -> None:
        """Use nothing that was read before now: this process has renamed, removed or changed a study."""
        self.dropped_at = time.monotonic()

    def fresh(self, study: str) -> StudyTables | None:
        """The tables of a study by id or name, if they were compared a moment ago or are being compared."""
        entry = self.entries.get(study)
        if entry is None or entry.checked_at <= self.dropped_at:
            return None
        if time.monotonic() - entry.checked_at >= FRESH_SECONDS and study not in self.loading:
            return None
        return entry

    async def get(self, study: str) -> StudyTables:
        """The tables of a study by id or name. Raises NotFound or NoScoresYet."""
        entry = self.fresh(study)
        if entry is not None:
            return entry
        began, loading = self.loading.get(study, (float("-inf"), None))
        if loading is None or began <= self.dropped_at:
            loading = self._begin(study)
        try:
            entry = await asyncio.shield(loading)
        except (NotFound, NoScoresYet):  # it was renamed or removed
            self.entries.pop(study, None)
            raise
        self.entries[study] = entry
        self.entries.move_to_end(study)
        self._make_room()
        return entry

    def _begin(self, study: str) -> asyncio.Task[StudyTables]:
        """Start to load a study, in the place of what may be loading already."""
        loading = asyncio.create_task(to_thread.run_sync(self._load, study, limiter=self.lanes.loads))
        own = self.loading[study] = time.monotonic(), loading

        def ended(_: asyncio.Task[StudyTables]) -> None:
            if self.loading.get(study) is own:
                del self.loading[study]

        loading.add_done_callback(ended)
        return loading

    def _load(self, study: str) -> StudyTables:
        began = time.monotonic()
        with self.database.reading() as connection:
            record = studies.find(connection, study)
            digests = tables.current_digests(connection, record.id)
            if None in digests:
                raise NoScoresYet(
                    f"Study {record.name!r} has no scores yet; they appear when its first block is stored."
                )
            dataset = datasets.by_name(connection, record.dataset)
            gone = forgotten.of(connection, record.fingerprint) if dataset.forgotten else NONE
            for entry in list(self.entries.values()):
                if entry.study == record and entry.digests == digests and entry.forgotten == gone:
                    entry.checked_at = began
                    return entry
            scores, pairs = tables.current(connection, record.id)
        names = _names(record.fingerprint, gone)
        return StudyTables.of(record, dataset, scores, pairs, names, self.lanes, began, gone)

    def _make_room(self) -> None:
        """Drop the least recently requested studies until the others fit."""
        while (
            len(self.entries) > 1 and sum({id(one): one.bytes for one in self.entries.values()}.values()) > MOST_BYTES
        ):
            self.entries.popitem(last=False)
