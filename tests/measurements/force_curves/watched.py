"""Results on a disk that tell how much of them was read at a time."""

from xarray.backends import BackendArray
from xarray.core import indexing


class Watched(BackendArray):
    """Values on a disk: ``largest`` is the number of values of the largest piece that was ever read."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.largest = values, values.shape, values.dtype, 0

    def __getitem__(self, key):
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key):
        rows, points = key
        found = self.values[rows][..., points]
        self.largest = max(self.largest, found.size)
        return found


def watched(dataset):
    """The dataset with its curves of display on a disk, and these arrays."""
    arrays = {name: Watched(dataset[name].values) for name in dataset if dataset[name].dims == ("curve", "point")}
    lazy = {name: (("curve", "point"), indexing.LazilyIndexedArray(array)) for name, array in arrays.items()}
    return dataset.assign(lazy), arrays
