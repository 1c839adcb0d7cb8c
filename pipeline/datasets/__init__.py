"""The kinds of rows that can be loaded, one file each; in the order in which a run queues them."""

from pipeline.datasets.dataset import Dataset
from pipeline.datasets.people import People
from pipeline.datasets.places import Places

__all__ = ["DATASETS", "Dataset"]

DATASETS: tuple[type[Dataset], ...] = (Places, People)
