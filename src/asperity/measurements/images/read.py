"""Image files as datasets with a history."""

from __future__ import annotations

from os import PathLike

import xarray as xr

from asperity.data import provenance
from asperity.data.images import open_images
from asperity.data.verbs import verb

__all__ = ["read_image"]


@verb()
def read_image(path: str | PathLike[str], *, pitch: float | None = None, unit: str | None = None) -> xr.Dataset:
    """An image file of any known format (see `asperity.data.images`), with a history.

    Args:
        path: the file.
        pitch: m from pixel to pixel; replaces the file's.
        unit: of the channels for which the file says none, for example ``"nm"``.

    Raises:
        ReadError: the file cannot be read.
    """
    opened = open_images(path, pitch=pitch, unit=unit)
    step = provenance.step("read_image", {"path": str(path), "pitch": pitch, "unit": unit},
                           inputs=[provenance.file_record(path)])
    return provenance.record(opened, step)
