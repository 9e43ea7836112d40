"""``xr.open_dataset(path, engine="asperity")``: every reader as an xarray backend."""

from __future__ import annotations

from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint

from asperity.data.readers import force_curves as readers

__all__ = ["AsperityBackend"]


class AsperityBackend(BackendEntrypoint):
    """Force-curve files of all vendors; ``spring_constant`` and ``sensitivity`` may be given."""

    description = "Open AFM force curves and maps with asperity"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "spring_constant", "sensitivity")

    def open_dataset(self, filename_or_obj: Any, *, drop_variables: Any = None,  # type: ignore[override]
                     spring_constant: float | None = None, sensitivity: float | None = None) -> xr.Dataset:
        dataset = readers.open_dataset(filename_or_obj, spring_constant=spring_constant,
                                       sensitivity=sensitivity)
        names = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or ())
        return dataset.drop_vars(names, errors="ignore")  # as xarray's own engines do

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        return False  # only by name: other engines know .h5 and .csv files too
