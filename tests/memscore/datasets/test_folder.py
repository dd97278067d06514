"""Folders of image files, and Tiny ImageNet's layout: order, colours, sizes, splits, what is refused."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from memscore import progress
from memscore.datasets import SourceOptions, load_source
from memscore.errors import InvalidDataset

CLASSES = ("bear", "cat", "dog")


def pixels(seed: int, height: int = 6, width: int = 6, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def save(path: Path, array: np.ndarray, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array[..., 0] if array.shape[2] == 1 else array).save(path, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of six training and two test images, named so that order by name is not order of making."""
    root = tmp_path / "animals"
    for label, name in reversed(list(enumerate(CLASSES))):
        for number in (3, 10, 1, 2, 5, 4):
            save(root / "train" / name / f"{number}.png", pixels(100 * label + number))
        for number in (2, 1):
            save(root / "test" / name / f"{number}.png", pixels(100 * label + 50 + number))
    return root


def load(folder: Path, **options: Any):
    return load_source(f"folder:{folder}", SourceOptions(**options))


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(InvalidDataset) as error:
        load(folder, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_images_are_sorted_by_class_then_by_file_name(folder: Path):
    dataset = load(folder)
    assert dataset.class_names == CLASSES
    assert dataset.source == "folder:animals"
    assert dataset.y_train.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    order = [100 * label + number for label in range(3) for number in (1, 10, 2, 3, 4, 5)]
    assert (dataset.x_train == np.stack([pixels(seed) for seed in order])).all()
    assert (dataset.x_test == np.stack([pixels(100 * label + 50 + k) for label in range(3) for k in (1, 2)])).all()


def test_the_first_classes_by_name_are_kept(folder: Path):
    dataset = load(folder, classes=2)
    assert dataset.class_names == ("bear", "cat")
    assert len(dataset.y_train) == 12
    assert refusal(folder, classes=4) == "--classes 4 is too many: the data has 3 classes."


def test_grey_images_alone_give_one_channel_and_beside_colour_three(folder: Path):
    for path in folder.rglob("*.png"):
        Image.open(path).convert("L").save(path)
    grey = load(folder)
    assert grey.x_train.shape == (18, 6, 6, 1)
    save(folder / "train" / "dog" / "1.png", pixels(0))
    mixed = load(folder)
    assert mixed.x_train.shape == (18, 6, 6, 3)
    assert (mixed.x_train[0] == grey.x_train[0]).all()


@pytest.mark.parametrize("mode", ["1", "LA", "P", "RGBA", "CMYK", "L"])
def test_every_usual_mode_becomes_colour_beside_colour(folder: Path, mode: str):
    image = Image.fromarray(pixels(0)).convert(mode)
    suffix = "tif" if mode == "CMYK" else "png"
    transparency: dict[str, Any] = {"transparency": b"\x00\x80"} if mode == "P" else {}
    image.save(folder / "train" / "bear" / f"0.{suffix}", **transparency)
    assert (load(folder).x_train[0] == np.asarray(image.convert("RGB"))).all()


def test_resizing_brings_the_short_side_to_n_and_keeps_the_middle(folder: Path):
    left, middle, right = np.full((4, 4, 3), 255, np.uint8), np.full((4, 8, 3), 100, np.uint8), np.zeros((4, 4, 3))
    save(folder / "train" / "bear" / "0.png", np.concatenate([left, middle[:, :4], right.astype(np.uint8)], axis=1))
    save(folder / "train" / "bear" / "00.png", np.full((40, 40, 3), 7, np.uint8))
    dataset = load(folder, resize=4)
    assert dataset.x_train.shape == (20, 4, 4, 3)
    assert (dataset.x_train[0] == 100).all()
    assert (dataset.x_train[1] == 7).all()
    assert dataset.source == "folder:animals, resized to 4x4"


def test_images_of_two_sizes_are_refused_without_resize(folder: Path):
    save(folder / "test" / "cat" / "3.png", pixels(0, height=7, width=9))
    assert refusal(folder) == (
        f"The images differ in size: {folder}/train/bear/1.png has 6x6 pixels and {folder}/test/cat/3.png 9x7; "
        "give --resize N to make them all NxN."
    )
    assert load(folder, resize=6).x_test.shape == (7, 6, 6, 3)


def test_a_split_depends_on_the_names_alone_and_is_stratified(folder: Path, tmp_path: Path):
    shutil.rmtree(folder / "test")
    dataset = load(folder, test_share=0.3)
    assert np.bincount(dataset.y_train).tolist() == [4, 4, 4]
    assert np.bincount(dataset.y_test).tolist() == [2, 2, 2]
    assert dataset.source == "folder:animals, 0.3 of each class as the test set"
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(folder, elsewhere)
    for path in elsewhere.rglob("*.png"):  # the same names with other pixels
        save(path, 255 - np.asarray(Image.open(path)))
    assert (load(elsewhere, test_share=0.3).x_test == 255 - dataset.x_test).all()
    # Of each class the two with the smallest SHA-256 of their names: printf bear/10.png | sha256sum gives 0997..., and
    # so on; bear/2.png 1475, cat/10.png 03d1, cat/5.png 2da9, dog/10.png 3165, dog/5.png 08a7.
    chosen = [(0, 10), (0, 2), (1, 10), (1, 5), (2, 10), (2, 5)]
    assert (dataset.x_test == np.stack([pixels(100 * label + number) for label, number in chosen])).all()


def test_a_split_leaves_each_class_a_sample_on_either_side(folder: Path):
    shutil.rmtree(folder / "test")
    assert np.bincount(load(folder, test_share=0.001).y_test).tolist() == [1, 1, 1]
    assert "at least 10 samples" in refusal(folder, test_share=0.999)
    for number in (1, 2, 3, 4, 5):
        (folder / "train" / "cat" / f"{number}.png").unlink()
    assert refusal(folder, test_share=0.2).startswith(f"{folder}/train/cat has only one image")


def test_hidden_files_are_passed_over(folder: Path):
    for path in (folder / ".cache", folder / "train" / ".DS_Store", folder / "train" / "cat" / "._1.png"):
        path.write_bytes(b"x")
    assert len(load(folder).y_train) == 18


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("suffix", "damage", "reason"),
    [
        ("png", cut, "truncated"),
        ("jpg", cut, "truncated"),
        ("bmp", cut, "truncated"),
        ("webp", cut, ""),
        ("tif", cut, ""),
        ("ppm", cut, ""),
        ("png", lambda path: path.write_bytes(b""), "not a known image format"),
        ("jpg", lambda path: path.write_bytes(b"text"), "not a known image format"),
        ("png", lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n"), "not a known image format"),
    ],
)
def test_a_damaged_image_is_left_out_and_named(folder: Path, suffix: str, damage: Any, reason: str):
    path = folder / "train" / "dog" / f"7.{suffix}"
    save(path, pixels(7, 60, 60))
    damage(path)
    dataset = load(folder, resize=6)
    assert len(dataset.y_train) == 18
    assert "train/dog/7" not in " ".join(dataset.columns.train["file"])
    (note,) = dataset.notes
    assert note.startswith(f"1 of 25 files cannot be read as images and was left out: {path} (")
    assert reason in note


def test_if_many_files_are_unusable_all_are_listed_with_their_reasons(folder: Path):
    (folder / "train" / "dog" / "notes.txt").touch()
    cut(folder / "test" / "bear" / "2.png")
    (folder / "train" / "cat" / "3.png").write_bytes(b"")
    sentence = refusal(folder)
    assert sentence.startswith("3 of 25 files cannot be read as images; repair or remove them: ")
    for file, reason in (
        ("train/dog/notes.txt", "without the suffix of an image"),
        ("train/cat/3.png", "not a known image format"),
        ("test/bear/2.png", "truncated"),
    ):
        assert re.search(rf"{folder}/{file} \([^)]*{reason}", sentence), sentence


def test_one_unusable_file_of_few_is_refused(folder: Path):
    for path in [*folder.rglob("[45].png"), *folder.rglob("10.png")]:
        path.unlink()
    cut(folder / "train" / "cat" / "3.png")
    assert refusal(folder).startswith(f"{folder}/train/cat/3.png cannot be used (")


def test_a_class_whose_only_image_cannot_be_read_is_refused(folder: Path):
    for number in range(30, 50):
        save(folder / "train" / "dog" / f"{number}.png", pixels(number))
    for path in (folder / "train" / "cat").iterdir():
        if path.name != "3.png":
            path.unlink()
    cut(folder / "train" / "cat" / "3.png")
    assert refusal(folder) == "No training image of the class cat can be read; every class needs one."


def test_what_an_array_cannot_hold_is_said(folder: Path):
    bears = folder / "train" / "bear"
    image = Image.fromarray(pixels(0))
    image.convert("RGBA").save(bears / "1.png")
    image.convert("P").save(bears / "2.png")
    image.convert("P").save(bears / "3.png", transparency=b"\x00\x80")
    image.convert("CMYK").save(bears / "3.tif")
    image.convert("L").save(bears / "4.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(bears / "5.jpg", exif=exif)
    image.save(bears / "6.png", save_all=True, append_images=[Image.fromarray(pixels(1))])
    image.save(bears / "7.gif", save_all=True, append_images=[Image.fromarray(pixels(1))])
    Image.fromarray(np.full((6, 6), 40_000, np.uint16)).save(bears / "8.png")
    dataset = load(folder)
    assert dataset.notes == (
        "The transparency of 2 images was dropped.",
        "1 image has an EXIF rotation, which was not applied.",
        "Of 2 images with several frames, only the first was used.",
        "1 image of 16 bits a channel was reduced to 8.",
        "Images converted to colour: 1 CMYK, 2 grey, 3 with a palette.",
    )
    names = dataset.columns.train["file"].tolist()
    assert (dataset.x_train[names.index("train/bear/8.png")] == 156).all()  # 40,000 / 257
    assert (dataset.x_train[names.index("train/bear/6.png")] == pixels(0)).all()


def test_images_of_12_bits_in_16_are_not_dark(folder: Path):
    for path in folder.rglob("*.png"):
        values = pixels(int(path.stem), channels=1)[..., 0].astype(np.uint16) * 16
        Image.fromarray(values).save(path)
    dataset = load(folder)
    assert dataset.x_train.max() > 250
    assert dataset.notes == ("24 images of 16 bits a channel were reduced to 8.",)


def test_a_decompression_bomb_is_left_out_by_its_header(folder: Path, monkeypatch: pytest.MonkeyPatch):
    path = folder / "test" / "dog" / "7.png"
    save(path, pixels(7, 30, 30))
    for limit in (800, 100):  # Pillow warns above the limit and fails above twice the limit
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        (note,) = load(folder, resize=6).notes
        assert note.endswith(f"{path} (more than {limit} pixels; make it smaller).")


def test_what_is_not_laid_out_as_expected_is_refused(folder: Path, tmp_path: Path):
    def altered(change: Any) -> str:
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        change(copy)
        return refusal(copy).replace(str(copy), "DIR")

    assert altered(lambda copy: shutil.rmtree(copy)).startswith("There is no folder DIR; write folder:DIR")
    assert altered(lambda copy: shutil.rmtree(copy / "train")).startswith("There are no class folders in DIR;")
    assert altered(lambda copy: [shutil.rmtree(copy / "train"), (copy / "train").mkdir()]) == (
        "DIR/train is empty; it must contain a folder for each class."
    )
    assert altered(lambda copy: (copy / "train" / "ant").mkdir()).startswith("ant is a class in only one of DIR/train")
    assert altered(lambda copy: [(copy / part / "ant").mkdir() for part in ("train", "test")]) == (
        "DIR/train/ant has no images; every class needs at least one."
    )
    assert altered(lambda copy: shutil.copy(copy / "train" / "cat" / "1.png", copy / "test" / "9.png")).startswith(
        "DIR/test/9.png is an image beside the class folders"
    )
    assert altered(lambda copy: (copy / "train" / "cat" / "more").mkdir()).startswith(
        "DIR/train/cat/more is a folder; put images directly"
    )
    assert refusal(folder, test_share=0.2).endswith(
        "has a folder test; --test-share is for folders without a test part."
    )


def test_a_file_beside_the_class_folders_or_of_windows_is_passed_over(folder: Path):
    before = load(folder).fingerprint
    (folder / "train" / "list.csv").touch()
    (folder / "train" / "Thumbs.db").touch()
    (folder / "train" / "cat" / "Thumbs.db").touch()
    dataset = load(folder)
    assert dataset.fingerprint == before
    assert dataset.notes == ("1 file beside the class folders was left out: list.csv.",)


def test_class_folders_alone_give_training_images_and_no_test_part(folder: Path):
    train = load(folder).x_train
    shutil.rmtree(folder / "test")
    parted = load(folder)
    plain = load(folder / "train")
    for dataset, prefix in ((parted, "train/"), (plain, "")):
        assert (dataset.x_train == train).all()
        assert dataset.x_test.shape == (0, 6, 6, 3)
        assert dataset.class_names == CLASSES
        assert dataset.columns.name_of("train", 0) == f"{prefix}bear/1.png"
        assert "There is no test part" in dataset.notes[0]
    assert len(load(folder / "train", test_share=0.3).y_test) == 6


def test_a_class_may_be_called_train(tmp_path: Path):
    for label, name in enumerate(("bus", "car", "train")):
        for number in range(5):
            save(tmp_path / name / f"{number}.png", pixels(10 * label + number))
    assert load(tmp_path).class_names == ("bus", "car", "train")


@pytest.mark.parametrize("name", ["val", "valid", "Validation"])
def test_a_validation_folder_is_the_test_part_unless_there_is_another(folder: Path, name: str):
    both = load(folder)
    shutil.copytree(folder / "test", folder / name)
    assert load(folder).notes == (f"The folder {name} was left out, since test is the test part.",)
    shutil.rmtree(folder / "test")
    dataset = load(folder)
    assert dataset.notes == (f"The folder {name} is the test part.",)
    assert dataset.fingerprint == both.fingerprint
    assert dataset.columns.name_of("test", 0) == f"{name}/bear/1.png"


def test_loops_and_broken_links_are_left_out(folder: Path):
    loop = folder / "train" / "cat" / "loop.png"
    for target in (loop, folder / "nowhere"):
        loop.symlink_to(target)
        assert f"{loop} (not a file, perhaps a broken link)" in load(folder).notes[0]
        loop.unlink()
    loop.symlink_to(folder / "train", target_is_directory=True)
    assert refusal(folder).startswith(f"{loop} is a folder")
    loop.unlink()
    (folder / "self").symlink_to(folder / "self")
    assert refusal(folder / "self").startswith("There is no folder")


def test_a_link_to_an_image_or_a_class_is_followed(folder: Path):
    before = load(folder).fingerprint
    (folder / "train" / "cat").rename(folder / "cats")
    (folder / "train" / "cat").symlink_to(folder / "cats")
    (folder / "train" / "dog" / "1.png").rename(folder / "dog.png")
    (folder / "train" / "dog" / "1.png").symlink_to(folder / "dog.png")
    assert load(folder).fingerprint == before


def test_a_class_name_that_is_not_utf_8_is_refused(folder: Path):
    try:
        os.mkdir(os.fsencode(folder / "train") + b"/caf\xe9")
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    assert refusal(folder).endswith("is not UTF-8; rename it.")


def test_many_images_show_a_progress_bar_on_standard_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    load(folder)
    assert capfd.readouterr() == ("", "")
    monkeypatch.setattr(progress, "MANY", 10)
    load(folder, track=progress.tracked)
    out, err = capfd.readouterr()
    assert out == ""
    assert "decoding" in err
    assert "decoding: 24 of 24 images, after 0 s\n" in err


WNIDS = ("n02124075", "n01641577", "n02106662")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Tiny ImageNet's layout with three classes of five training and two validation images."""
    root = tmp_path / "tiny-imagenet-200"
    for seed, wnid in enumerate(WNIDS):
        for number in range(5):
            grey = number == 4
            save(
                root / "train" / wnid / "images" / f"{wnid}_{number}.JPEG",
                pixels(10 * seed + number, 64, 64, 3 - 2 * grey),
            )
        (root / "train" / wnid / f"{wnid}_boxes.txt").write_text("boxes")
    lines = []
    for number in (3, 1, 5, 0, 10, 4):
        save(root / "val" / "images" / f"val_{number}.JPEG", pixels(90 + number, 64, 64))
        lines.append(f"val_{number}.JPEG\t{WNIDS[number % 3]}\t0\t0\t63\t63\n")
    (root / "val" / "val_annotations.txt").write_text("".join(lines))
    (root / "wnids.txt").write_text("\n".join(WNIDS) + "\n")
    (root / "words.txt").write_text("n01641577\tbullfrog, Rana catesbeiana\nn02124075\tEgyptian cat\nn9\tother\n")
    return root


def load_tiny(root: Path, **options: Any):
    return load_source("tiny_imagenet", SourceOptions(root=root, **options))


def test_tiny_imagenet_is_sorted_by_wordnet_id_and_its_validation_images_are_the_test_set(tiny: Path):
    dataset = load_tiny(tiny)
    assert dataset.class_names == ("bullfrog, Rana catesbeiana", "n02106662", "Egyptian cat")
    assert dataset.x_train.shape == (15, 64, 64, 3)
    assert dataset.y_train.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    # val_1, val_10, val_4 of the frog; val_5 of the dog; val_0, val_3 of the cat
    assert dataset.y_test.tolist() == [0, 0, 0, 1, 2, 2]
    with Image.open(tiny / "val" / "images" / "val_10.JPEG") as image:
        assert (dataset.x_test[1] == np.asarray(image)).all()
    assert (dataset.x_train[4, ..., 0] == dataset.x_train[4, ..., 2]).all()  # was grey
    assert load_tiny(tiny.parent).fingerprint == dataset.fingerprint
    downloads = SourceOptions(downloads=tiny.parent)
    assert load_source("tiny_imagenet", downloads).fingerprint == dataset.fingerprint


def test_tiny_imagenet_is_in_colour_even_where_all_images_are_grey(tiny: Path):
    for path in tiny.rglob("*.JPEG"):
        save(path, pixels(1, 64, 64, 1))
    assert load_tiny(tiny).x_train.shape == (15, 64, 64, 3)


def test_the_first_classes_of_tiny_imagenet_and_resizing(tiny: Path):
    shutil.rmtree(tiny / "train" / "n02124075")  # the last by WordNet id is not looked at
    dataset = load_tiny(tiny, classes=2, resize=32)
    assert dataset.x_train.shape == (10, 32, 32, 3)
    assert dataset.y_test.tolist() == [0, 0, 0, 1]
    assert dataset.source == "tiny_imagenet, first 2 classes, resized to 32x32"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda root: (root / "wnids.txt").unlink(), "There is no file DIR/wnids.txt; Tiny ImageNet's"),
        (lambda root: (root / "words.txt").unlink(), "There is no file DIR/words.txt"),
        (lambda root: (root / "val" / "val_annotations.txt").unlink(), "There is no file DIR/val/val_annotations.txt"),
        (lambda root: (root / "wnids.txt").write_text("\n"), "DIR/wnids.txt is empty."),
        (lambda root: (root / "wnids.txt").write_bytes(b"n\xff"), "DIR/wnids.txt cannot be read"),
        (
            lambda root: (root / "words.txt").write_text("n01641577 frog"),
            "DIR/words.txt, line 1: there are fewer than 2",
        ),
        (
            lambda root: (root / "wnids.txt").write_text("n01641577\nn02106662"),
            "line 1: n02124075 is not in wnids.txt.",
        ),
        (
            lambda root: (root / "val" / "images" / "val_5.JPEG").unlink(),
            "DIR/val/val_annotations.txt, line 3: there is no file DIR/val/images/val_5.JPEG.",
        ),
        (
            lambda root: (root / "val" / "val_annotations.txt").write_text("../../wnids.txt\tn01641577\n"),
            "line 1: there is no file DIR/val/images/../../wnids.txt.",
        ),
        (
            lambda root: (root / "val" / "val_annotations.txt").write_text("val_1.JPEG\tn01641577\n" * 2),
            "line 2: val_1.JPEG is listed twice.",
        ),
        (
            lambda root: (root / "val" / "val_annotations.txt").write_text("val_1.JPEG\tn01641577\n"),
            "DIR/val/val_annotations.txt lists no image of class n02106662.",
        ),
        (lambda root: shutil.rmtree(root / "val" / "images"), "The folder DIR/val/images cannot be read (No such file"),
        (
            lambda root: shutil.rmtree(root / "train" / WNIDS[1]),
            f"The folder DIR/train/{WNIDS[1]}/images cannot be read",
        ),
        (
            lambda root: [path.unlink() for path in (root / "train" / WNIDS[1] / "images").iterdir()],
            f"DIR/train/{WNIDS[1]}/images has no images",
        ),
        (
            lambda root: cut(root / "train" / WNIDS[1] / "images" / f"{WNIDS[1]}_0.JPEG"),
            f"DIR/train/{WNIDS[1]}/images/{WNIDS[1]}_0.JPEG cannot be used",
        ),
        (lambda root: shutil.rmtree(root / "train"), "tiny_imagenet is not in DIR: put the folder tiny-imagenet-200"),
    ],
)
def test_an_incomplete_tiny_imagenet_is_refused(tiny: Path, change: Any, sentence: str):
    change(tiny)
    with pytest.raises(InvalidDataset) as error:
        load_tiny(tiny)
    assert sentence in str(error.value).replace(str(tiny), "DIR")
    assert "\n" not in str(error.value)


def test_more_classes_than_tiny_imagenet_has_are_refused(tiny: Path):
    with pytest.raises(InvalidDataset, match="--classes 4 is too many: the data has 3 classes"):
        load_tiny(tiny, classes=4)
