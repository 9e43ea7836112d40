"""The kit of every page: page, figures, numbers in words, history, citations. Called, it is the verb `report`."""

import sys
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

from asperity import _lazy


class _Report(ModuleType):
    """A package that is also the verb of its name, so that ``asperity.report(results, path)`` works."""

    def __call__(self, results: Any, path: str | PathLike[str], *, title: str | None = None) -> Path:
        """Write the results of force curves as one self-contained page."""
        from asperity.data.kinds import needed
        from asperity.measurements.force_curves.page.html import write_report
        from asperity.messages import ArgumentError, shown

        if not isinstance(path, str | PathLike):
            raise ArgumentError(f"path = {shown(path)}: must be the name of the page to write")
        if not isinstance(title, str | None):
            raise ArgumentError(f"title = {shown(title)}: must be text, the heading of the page")
        return write_report(needed("results", results, "results"), Path(path), title=title)


__getattr__, __dir__ = _lazy(__name__, __path__)
sys.modules[__name__].__class__ = _Report
