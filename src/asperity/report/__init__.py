"""The kit of every page: page, figures, numbers in words, history, citations. Called, it is the verb `report`."""

import sys
from importlib import import_module
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

from asperity import _lazy

#: the kinds of results (of `asperity.data.kinds`) that have a page of their own -> whose ``page`` makes it
_PAGES = {"image": "images.page", "drift": "images.drift_page", "calibration": "calibration.page",
          "spectrum": "rheometry.page", "relaxation": "rheometry.page", "holds": "rheometry.page",
          "law": "tip_force.page", "motion": "time_series.page", "tapping": "tapping.page",
          "mechanics": "atoms.mechanics_page", "training": "atoms.training_page",
          "prediction": "atoms.prediction_page", "experiment": "discovery.experiment.page",
          "design": "discovery.inverse.page",
          "next": "discovery.next.page",
          "explanation": "discovery.explain.page"}


class _Report(ModuleType):
    """A package that is also the verb of its name, so that ``asperity.report(results, path)`` works."""

    def __call__(self, results: Any, path: str | PathLike[str], *, title: str | None = None) -> Path:
        """Write results of any kind as one self-contained page with the heading ``title``; returns its path.

        Raises:
            ArgumentError: they are no results, or of a kind without a page; the message says what was given.
            StoreError: the disk refuses; what was at ``path`` is still there.
        """
        from asperity.data import disk
        from asperity.data.kinds import kind_of, needed
        from asperity.measurements.force_curves.page.html import write_report
        from asperity.messages import ArgumentError, shown

        if not isinstance(path, str | PathLike):
            raise ArgumentError(f"path = {shown(path)}: must be the name of the page to write")
        if not isinstance(title, str | None):
            raise ArgumentError(f"title = {shown(title)}: must be text, the heading of the page")
        kind = kind_of(results) if hasattr(results, "data_vars") else ""
        of_fit = kind not in _PAGES or not {"findings", "corrections"} & set(results.attrs)
        results = needed("results", results, "results") if of_fit else results
        if Path(path).suffix in (".nc", ".zarr"):
            raise ArgumentError(f"path = {shown(str(path))}: the page would stand in the place of a dataset; give a "
                                "name that ends in .html")
        with disk.told(Path(path)):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        if of_fit:
            return write_report(results, Path(path), title=title)
        from asperity.report.page import write_page

        page = import_module(f"asperity.measurements.{_PAGES[kind]}").page(results)
        return write_page(page._replace(title=title or page.title), results, Path(path))


__getattr__, __dir__ = _lazy(__name__, __path__)
sys.modules[__name__].__class__ = _Report
