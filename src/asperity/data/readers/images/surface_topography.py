"""Other formats (about forty) through SurfaceTopography, an optional dependency (MIT).

It is asked for what no own reader knows, and only where it is installed: ``pip install asperity[images]``. It
turns images so that the first index runs along x and the second from the top down, which is undone here, and
carries no scan direction. It is not asked for damaged files of a format that asperity reads itself.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from asperity.data import opening
from asperity.data.readers._appearance import is_foreign
from asperity.data.readers._errors import Unsupported
from asperity.data.readers.images._channels import AS_MATRIX, Channel, Images, si_unit

__all__ = ["EXTENSIONS", "NAME", "matches", "open_images"]

NAME = "other formats through SurfaceTopography"
#: it is asked by content
EXTENSIONS = ()

#: bytes; SurfaceTopography reads files at once
_LARGEST = 2**28
_HDF5 = b"\x89HDF\r\n\x1a\n"

#: texts and archives are nobody's image unless an own reader knows them
_ENDINGS = (".al3d", ".bcrf", ".bcr", ".datx", ".dzi", ".ezd", ".frt", ".lext", ".mdt", ".mnt", ".nc", ".nmm", ".nms",
            ".oir", ".opd", ".opdx", ".os3d", ".plu", ".plux", ".ps", ".qep", ".sdf", ".sur", ".tmd", ".vk3", ".vk4",
            ".vk6", ".vk7", ".stp", ".top", ".x3p", ".zmg", ".zon", ".h5", ".mat")


def matches(head: bytes, name: str) -> bool:
    """True for an ending that SurfaceTopography reads, unless the file is a picture or a document under that name."""
    return name.endswith(_ENDINGS) and not is_foreign(head)


def open_images(path: Path) -> Images:
    """Open the maps of a file through SurfaceTopography that lie on the grid of the first; reads headers.

    Raises:
        Unsupported: SurfaceTopography is not installed or does not know the file, or it holds no map with a size.
    """
    with _quiet():
        found = list(_reader(path).channels)
    maps = [(i, channel) for i, channel in enumerate(found) if channel.dim == 2 and channel.physical_sizes]
    if not maps:
        raise Unsupported(path, "no map with a physical size in it.", AS_MATRIX)
    grids = [(*channel.nb_grid_pts, *_size(path, channel)) for _, channel in maps]
    columns, rows, width, height = grids[0]
    left_out = [str(channel.name) for (_, channel), grid in zip(maps, grids) if grid != grids[0]]
    return Images(
        channels=tuple(Channel(str(channel.name), _units(channel)[1], partial(_load, path, i))
                       for (i, channel), grid in zip(maps, grids) if grid == grids[0]),
        shape=(rows, columns), session=f"{path.name}", pitch=(height / rows, width / columns),
        attrs={"read_by": "SurfaceTopography"} | ({"left_out": ", ".join(left_out)} if left_out else {}))


@contextmanager
def _quiet() -> Iterator[None]:
    """Its warnings are about time zones and deprecations of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _reader(path: Path) -> Any:
    if importlib.util.find_spec("SurfaceTopography") is None:
        raise Unsupported(path, "this format is read by SurfaceTopography, which is not installed.",
                          "Install it: pip install asperity[images].")
    from SurfaceTopography import open_topography  # pyright: ignore[reportMissingImports]

    if opening.check(path).st_size > _LARGEST:
        raise Unsupported(path, f"a file above {_LARGEST >> 20} MB, which would be read at once.", AS_MATRIX)
    if opening.read_head(path).startswith(_HDF5):
        opening.try_hdf5(path)
    return open_topography(str(path))


def _size(path: Path, channel: Any) -> tuple[float, float]:
    """Width and height in m, to the digits that a file keeps."""
    factor, unit = si_unit(_units(channel)[0])
    if unit != "m":
        raise Unsupported(path, f"the size of '{channel.name}' is in '{unit}', expected m.", AS_MATRIX)
    width, height = (float(f"{factor * size:.9g}") for size in channel.physical_sizes)
    return width, height


def _units(channel: Any) -> tuple[str, str]:
    """Units of the size and of the values; "" where it does not know."""
    along, values = channel.unit, channel.data_unit
    return (along[0] if isinstance(along, tuple) else along) or "", (
        values[1] if isinstance(values, tuple) else values) or ""


def _load(path: Path, index: int) -> np.ndarray:
    with _quiet():
        heights = _reader(path).topography(channel_index=index).heights()
    return np.ma.filled(np.ma.asarray(heights, dtype=float), np.nan).T[::-1]
