"""Datasets: sources of images and labels, validation, fingerprints and storage."""

from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.options import SourceOptions
from memscore.datasets.sources import SOURCES, load_source

__all__ = ["SOURCES", "Dataset", "SourceOptions", "build_dataset", "load_source"]
