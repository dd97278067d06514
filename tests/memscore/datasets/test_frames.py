"""Python objects as datasets: arrays, tensors, DataFrames, mappings, datasets of items, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pytest
import scipy.sparse
import torch
from PIL import Image
from torch.utils.data import DataLoader, Subset, TensorDataset

from memscore.datasets import Dataset, SourceOptions, load_source
from memscore.datasets.columns import SampleColumns
from memscore.datasets.frames import dataset_of
from memscore.errors import InvalidDataset
from tests.pictures import pixels, png

N = 24
X = np.stack([pixels(seed) for seed in range(N)])
Y = np.arange(N) % 3
VECTORS = np.random.default_rng(0).normal(size=(N, 5))


def chw(images: np.ndarray) -> torch.Tensor:
    """Images as ToTensor makes them: channels first, in [0, 1]."""
    return torch.tensor(images.transpose(0, 3, 1, 2)) / 255


class Foreign:
    """A table of another package: what polars, its lazy frames and DuckDB offer."""

    columns = ("x", "kind")

    def __init__(self, table: pa.Table, offers: str) -> None:
        made: dict[str, Callable[..., Any]] = {
            "to_arrow": lambda: table,
            "__arrow_c_stream__": table.__arrow_c_stream__,
            "collect": lambda: Foreign(table, "to_arrow"),
            "collect_schema": lambda: None,
        }
        self._made = {name: made[name] for name in offers.split()}

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("_made", {}):
            return self._made[name]
        raise AttributeError(name)


class Animals:
    """A dataset of pairs as torchvision's, of Pillow images."""

    classes = ("cat", "dog", "owl")

    def __init__(self, items: Any = range(N), transform: Callable[[np.ndarray], Any] = Image.fromarray) -> None:
        self.items, self.transform = items, transform

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        seed = self.items[index]
        return self.transform(X[seed]), seed % 3


FRAME = pandas.DataFrame({"a": VECTORS[:, 0], "b": VECTORS[:, 1], "kind": ["x", "y", "z", "x"] * 6, "label": Y})

IMAGES = {
    "arrays": lambda: dataset_of(X, Y),
    "pair": lambda: dataset_of((X, Y)),
    "tensors": lambda: dataset_of(chw(X), torch.tensor(Y)),
    "lists of pillow images": lambda: dataset_of([Image.fromarray(one) for one in X], Y.tolist()),
    "tensor dataset": lambda: dataset_of(TensorDataset(chw(X), torch.tensor(Y))),
    "loader": lambda: dataset_of(DataLoader(TensorDataset(chw(X), torch.tensor(Y)), batch_size=5)),
    "items": lambda: dataset_of(Animals()),
    "items of arrays": lambda: dataset_of(Animals(transform=lambda image: image)),
    "list of pairs": lambda: dataset_of([(X[row], int(Y[row])) for row in range(N)]),
    "list of mappings": lambda: dataset_of([{"image": X[row], "label": int(Y[row])} for row in range(N)]),
    "generator": lambda: dataset_of((X[row], int(Y[row])) for row in range(N)),
    "mapping of columns": lambda: dataset_of({"image": X, "label": Y}),
}
WITH_TEST = {
    "arrays": lambda: dataset_of(X[:18], Y[:18], X[18:], Y[18:]),
    "four": lambda: dataset_of((X[:18], Y[:18], X[18:], Y[18:])),
    "pairs": lambda: dataset_of(((X[:18], Y[:18]), (X[18:], Y[18:]))),
    "mapping of pairs": lambda: dataset_of({"train": (X[:18], Y[:18]), "test": (X[18:], Y[18:])}),
    "datasets": lambda: dataset_of((Animals(range(18)), Animals(range(18, N)))),
    "validation": lambda: dataset_of({"train": Animals(range(18)), "val": Animals(range(18, N))}),
    "subsets": lambda: dataset_of([Subset(Animals(), range(18)), Subset(Animals(), range(18, N))]),  # pyright: ignore
}
TABLES = {
    "frame": lambda: dataset_of(FRAME),
    "column of labels": lambda: dataset_of(FRAME, "label"),
    "labels beside": lambda: dataset_of(FRAME.drop(columns="label"), FRAME["label"]),
    "pair": lambda: dataset_of((FRAME.drop(columns="label"), FRAME["label"])),
    "arrow": lambda: dataset_of(pa.Table.from_pandas(FRAME)),
    "batch": lambda: dataset_of(pa.RecordBatch.from_pandas(FRAME)),
    "mapping": lambda: dataset_of({name: FRAME[name].to_numpy() for name in FRAME}),
    "rows": lambda: dataset_of(FRAME.to_dict("records")),
}


@pytest.mark.parametrize("form", IMAGES)
def test_the_same_images_in_every_form_are_the_same_dataset(form: str):
    dataset = IMAGES[form]()
    assert (dataset.x_train == X).all()
    assert (dataset.y_train == Y).all()
    assert dataset.x_test.shape == (0, 6, 5, 3)
    if form.startswith("items"):
        assert dataset.class_names == ("cat", "dog", "owl")


@pytest.mark.parametrize("form", WITH_TEST)
def test_a_test_part_may_be_given_in_every_form(form: str):
    dataset = WITH_TEST[form]()
    assert (dataset.x_train == X[:18]).all()
    assert (dataset.y_train == Y[:18]).all()
    assert (dataset.x_test == X[18:]).all()
    assert (dataset.y_test == Y[18:]).all()


@pytest.mark.parametrize("form", TABLES)
def test_the_same_table_in_every_form_is_the_same_dataset(form: str):
    dataset = TABLES[form]()
    assert dataset.fingerprint == TABLES["frame"]().fingerprint
    assert dataset.x_train.shape == (N, 5)
    assert (dataset.y_train == Y).all()
    assert dataset.columns.train["kind"].tolist() == FRAME["kind"].tolist()


def test_two_frames_are_a_training_and_a_test_part():
    dataset = dataset_of(FRAME[:18], None, FRAME[18:])
    parts: tuple[Any, ...] = (
        (FRAME[:18], FRAME[18:]),
        [FRAME[:18], FRAME[18:]],
        {"train": FRAME[:18], "test": FRAME[18:]},
    )
    for labels in (None, "label"):
        assert {dataset_of(one, labels).fingerprint for one in parts} == {dataset.fingerprint}
    pairs = dataset_of((X[:18], Y[:18]), None, X[18:], Y[18:])
    assert pairs.fingerprint == dataset_of(X[:18], Y[:18], X[18:], Y[18:]).fingerprint
    assert dataset.fingerprint == dataset_of({"train": FRAME[:18], "test": FRAME[18:]}).fingerprint
    beside = dataset_of(FRAME[:18].drop(columns="label"), Y[:18], FRAME[18:].drop(columns="label"), Y[18:])
    assert beside.fingerprint == dataset.fingerprint
    assert (len(dataset.y_train), len(dataset.y_test)) == (18, 6)
    assert dataset.columns.test["a"].tolist() == FRAME["a"][18:].tolist()


def test_an_index_that_is_no_count_names_the_samples():
    assert "id" not in dataset_of(FRAME).columns.train
    named = FRAME.set_index(pandas.Index([f"patient {row}" for row in range(N)]))
    assert dataset_of(named).columns.name_of("train", 3) == "patient 3"
    assert dataset_of(named).fingerprint == dataset_of(FRAME).fingerprint


def test_categories_missing_values_and_times_of_pandas():
    frame = FRAME.assign(
        kind=FRAME["kind"].astype("category"),
        a=FRAME["a"].mask(FRAME.index == 3),
        b=FRAME["b"].round().astype("Int64"),
        when=pandas.date_range("2020-01-01", periods=N, freq="11h")[::-1],
    )
    dataset = dataset_of(frame)
    assert dataset.x_train.shape == (N, 6)
    assert (np.diff(dataset.x_train[:, -1]) < 0).all()


def test_features_of_every_form():
    expected = dataset_of(VECTORS, Y)
    assert expected.kind == "features"
    for form in (VECTORS.tolist(), torch.tensor(VECTORS), scipy.sparse.csr_matrix(VECTORS), list(VECTORS)):
        assert dataset_of(form, Y).fingerprint == expected.fingerprint
    assert dataset_of({"data": VECTORS, "target": Y, "target_names": ["a", "b", "c"]}).class_names == ("a", "b", "c")
    assert dataset_of({"embedding": VECTORS, "label": Y}).fingerprint == expected.fingerprint


def test_columns_a_share_for_testing_and_class_names_go_through():
    columns = SampleColumns({"id": np.array([f"n{row}" for row in range(N)])})
    options = SourceOptions(test_share=0.25)
    dataset = dataset_of(VECTORS, Y, options=options, columns=columns, class_names=["a", "b", "c"], source="mine")
    assert len(dataset.y_test) == 6
    assert dataset.columns.name_of("test", 0).startswith("n")
    assert dataset.class_names == ("a", "b", "c")
    assert dataset.source == "mine, 0.25 of each class as the test set"
    images = [Image.fromarray(one) for one in X]
    assert dataset_of(images, Y, options=SourceOptions(resize=4)).x_train.shape == (N, 4, 4, 3)


def test_paths_are_read(tmp_path: Path):
    paths = [tmp_path / f"{row}.png" for row in range(N)]
    for path, image in zip(paths, X, strict=True):
        Image.fromarray(image).save(path)
    assert (dataset_of(paths, Y).x_train == X).all()
    paths[4].unlink()
    columns = SampleColumns({"id": np.array([f"n{row}" for row in range(N)])})
    dataset = dataset_of(list(map(str, paths)), Y, columns=columns)
    assert (dataset.y_train == np.delete(Y, 4)).all()
    assert dataset.columns.name_of("train", 4) == "n5"


def test_a_subset_keeps_the_names_of_the_classes_that_it_has():
    dataset = dataset_of(Subset(Animals(), [row for row in range(N) if row % 3 != 1]))  # pyright: ignore
    assert dataset.class_names == ("cat", "owl")
    assert dataset.y_train.tolist() == [0, 1] * 8


class Hub:
    """What the package of Hugging Face offers of its datasets."""

    class Names:
        names = ("cat", "dog", "owl")

    features = {"image": object(), "label": Names()}  # noqa: RUF012

    def with_format(self, kind: str) -> Any:
        assert kind == "arrow"
        rows = {"image": [{"bytes": png(row), "path": None} for row in range(N)], "label": Y}

        class Every:
            def __getitem__(self, key: slice) -> pa.Table:
                assert key == slice(None)
                return pa.table(rows)

        return Every()


def test_a_dataset_of_hugging_face_is_recognized_by_what_it_offers():
    dataset = dataset_of(Hub())
    assert (dataset.x_train == X).all()
    assert dataset.class_names == ("cat", "dog", "owl")


def noisy(image: np.ndarray) -> np.ndarray:
    return image + np.random.default_rng().integers(0, 9, image.shape).astype(np.uint8)


REFUSED: list[tuple[Callable[[], Dataset], str]] = [
    (lambda: dataset_of(X, [None, *Y.tolist()[1:]]), "y_train has no label (None or NaN) for sample 0;"),
    (lambda: dataset_of(X, [None, *map(str, Y[1:])]), "y_train has no label (None or NaN) for sample 0;"),
    (
        lambda: dataset_of(X, [*map(str, Y[2:]), *[float("nan")] * 2]),
        "y_train has no label (None or NaN) for 2 samples, ",
    ),
    (
        lambda: dataset_of(X, np.where(Y == 1, np.nan, Y)),
        "y_train has no label (None or NaN) for 8 samples, the first of",
    ),
    (lambda: dataset_of((FRAME, FRAME), x_test=FRAME), "The data have a test part, and another is given beside them:"),
    (lambda: dataset_of(X), "There are samples but no labels; give these as the second argument."),
    (lambda: dataset_of(VECTORS.tolist()), "There are samples but no labels;"),
    (lambda: dataset_of(X, Y[:20]), "There are 24 samples but 20 labels; give one label per sample."),
    (lambda: dataset_of([Image.fromarray(one) for one in X], Y[:20]), "There are 24 samples but 20 labels;"),
    (lambda: dataset_of(FRAME, Y[:20]), "There are 24 rows but 20 labels; give one label for each row."),
    (lambda: dataset_of(FRAME, "lable"), "There is no column 'lable' in the table, which --label names; did you mean"),
    (lambda: dataset_of([[1, 2], [3]] * 12, Y), "The data are no array: their rows differ in length or kind;"),
    (lambda: dataset_of(X, VECTORS[:, 0]), "y_train has dtype float64; labels must be integers, texts or booleans"),
    (lambda: dataset_of(FRAME.assign(label=Y / 2)), "The column 'label' has fractions, such as 0.5;"),
    (lambda: dataset_of(X, ["a", 1, "b"] * 8), "The labels are of the types int and str; give all of one type."),
    (lambda: dataset_of(FRAME.assign(b=["x", 1] * 12)), "The column 'b' has values of the types int, str; give all"),
    (lambda: dataset_of(pandas.concat([FRAME, FRAME["a"]], axis=1)), "Two columns are named 'a'; rename one."),
    (lambda: dataset_of(X, Y, X), "There are samples but no labels;"),
    (lambda: dataset_of(X, Y, None, Y), "There are labels of a test part but no samples;"),
    (lambda: dataset_of(X, Y, FRAME), "The test part is a table and the training part is not;"),
    (lambda: dataset_of(FRAME, None, X, Y), "The training part is a table and the test part is not;"),
    (lambda: dataset_of({"test": (X, Y)}), "There is no part train, only test."),
    (lambda: dataset_of((X, Y, X)), "3 things were given; give (x, y), (train, test) or (x_train"),
    (lambda: dataset_of(7), "The type int is no dataset; give arrays, a table,"),
    (lambda: dataset_of(Animals(range(0))), "The dataset has no items."),
    (lambda: dataset_of(Animals([*range(20), 99])), "Reading item 20 raises IndexError: index 99 is out of bounds"),
    (lambda: dataset_of(Animals(transform=noisy)), "Item 0 is not the same when it is read again; leave out random"),
    (
        lambda: dataset_of(Animals(transform=lambda one: one[: one[0, 0, 0] % 5 + 1])),
        "Item 2 has shape (4, 5, 3) and item 0 (1,",
    ),
    (lambda: dataset_of(Animals(transform=lambda _: "a cat")), "The samples are texts; turn them into numbers first"),
    (lambda: dataset_of([(X[row], None) for row in range(N)]), "Item 0 has no label;"),
    (lambda: dataset_of([{"picture": X[row], "label": 1} for row in range(N)]), "Item 0 has the keys picture, label;"),
    (lambda: dataset_of(Animals(transform=lambda one: one / 100.0 - 1)), "x_train and x_test have values from -1"),
    (
        lambda: dataset_of(X, Y, options=SourceOptions(resize=4)),
        "The samples are an array; --resize is for",
    ),
    (
        lambda: dataset_of(FRAME, columns=SampleColumns({"id": Y.astype(str)})),
        "A table has columns of its own; add others to it",
    ),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED)
def test_what_cannot_be_used_is_refused_with_a_sentence(call: Callable[[], Dataset], sentence: str):
    with pytest.raises(InvalidDataset) as error:
        call()
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(sentence), error.value


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Writes a module into the current folder, and names a function of it."""
    monkeypatch.chdir(tmp_path)

    def write(content: str) -> str:
        name = f"own_data_{len(list(tmp_path.iterdir()))}_{abs(hash(content))}"
        (tmp_path / f"{name}.py").write_text(content)
        return f"torch:{name}:load"

    return write


def test_a_function_in_the_current_folder_gives_a_dataset(module: Callable[[str], str]):
    source = module(
        "import torch\n"
        "def load():\n"
        "    x = torch.arange(20 * 75).reshape(20, 3, 5, 5) / 1500\n"
        "    part = torch.utils.data.TensorDataset(x, torch.arange(20) % 2)\n"
        "    return part, part\n"
    )
    dataset = load_source(source)
    assert dataset.x_train.shape == dataset.x_test.shape == (20, 5, 5, 3)
    assert dataset.source == source


def test_a_function_of_scikit_learn_gives_a_dataset():
    dataset = load_source("torch:sklearn.datasets:load_breast_cancer", SourceOptions(test_share=0.2))
    assert dataset.x_train.shape == (456, 30)
    assert dataset.class_names == ("malignant", "benign")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("def other(): ...", "has no function load; correct the name."),
        ("def load(): return None", "returns nothing; it must return a dataset"),
        ("def load(): raise KeyError('x')", "() raises KeyError: 'x'"),
        ("def load(root): return None", "() raises TypeError: load() missing 1 required positional argument: 'root'"),
        ("def load(): raise SystemExit(3)", "() raises SystemExit: 3"),
        ("import nothing_of_that_name", "cannot be imported (No module named 'nothing_of_that_name');"),
        ("1 / 0", "raises ZeroDivisionError: division by zero"),
    ],
)
def test_a_function_that_gives_no_dataset_is_refused(module: Callable[[str], str], content: str, sentence: str):
    with pytest.raises(InvalidDataset) as error:
        load_source(module(content))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_what_does_not_name_a_function_is_refused():
    for name in ("torch:module", "torch::f", "torch:.a:f"):
        with pytest.raises(InvalidDataset, match=r"does not name a function; write torch:package\.module:function"):
            load_source(name)


TABLE = pa.table({"x": VECTORS[:, 0], "kind": ["ant", "bee", "cat"] * 8})


@pytest.mark.parametrize("offers", ["to_arrow", "collect collect_schema", "__arrow_c_stream__"])
def test_tables_of_other_packages_are_read_by_what_they_offer(offers: str):
    made = dataset_of(Foreign(TABLE, offers), "kind")
    assert made.fingerprint == dataset_of(TABLE, "kind").fingerprint
    tested = dataset_of(Foreign(TABLE, offers), "kind", Foreign(TABLE, offers), "kind")
    assert len(tested.y_test) == N


def test_frames_of_polars():
    polars = pytest.importorskip("polars")
    frame = polars.from_arrow(TABLE).with_columns(
        polars.col("kind").cast(polars.Categorical), id=polars.Series(range(N))
    )
    expected = dataset_of(TABLE, "kind").fingerprint
    for given in (frame, frame.lazy()):
        made = dataset_of(given, "kind")
        assert made.fingerprint == expected
        assert made.columns.name_of("train", 5) == "5"
    beside = dataset_of(frame.select("x"), frame["kind"])
    assert beside.class_names == ("ant", "bee", "cat")
    columns = SampleColumns({"id": frame["kind"] + frame["id"].cast(str)})
    assert dataset_of(VECTORS, frame["kind"], columns=columns).columns.name_of("train", 1) == "bee1"
