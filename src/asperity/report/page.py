"""A page about one thing (a calibration, an image): verdict, numbers, figures, tables, provenance; one file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import xarray as xr

from asperity.data import disk, store
from asperity.report import records

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["Finding", "Page", "Panel", "keep", "write_page"]


class Finding(NamedTuple):
    """One number in words: its name, value with uncertainty and unit, and what it means."""

    name: str
    line: str
    meaning: str


class Panel(NamedTuple):
    """A section of a page: figures beside each other, then a table."""

    heading: str
    words: str = ""
    figures: tuple[figure, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


class Page(NamedTuple):
    """All that a page says."""

    kind: str  # what the page is about: "calibration", "image"
    title: str
    headline: str
    findings: tuple[Finding, ...] = ()
    remarks: tuple[str, ...] = ()
    panels: tuple[Panel, ...] = ()


def write_page(page: Page, about: xr.Dataset, path: str | Path) -> Path:
    """Write ``page`` to ``path`` with the history of the dataset that it is about; returns the path.

    The file holds all that it shows and makes no request of any kind.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    from bokeh.embed import components
    from bokeh.model import Model
    from bokeh.resources import Resources
    from jinja2 import Environment, StrictUndefined

    import asperity

    folder = resources.files("asperity.report")
    html, css = ((folder / name).read_text(encoding="utf-8") for name in ("page.html", "report.css"))
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                           lstrip_blocks=True).from_string(html)
    figures: dict[str, Model] = {f"{i}_{j}": plot for i, panel in enumerate(page.panels)
                                 for j, plot in enumerate(panel.figures)}
    script, places = components(figures) if figures else ("", {})
    bokeh = Resources(mode="inline", components=["bokeh"]).render() if figures else ""
    path = Path(path)
    text = template.render(page=page, steps=records.history(about), css=css, script=script, places=places,
                           bokeh=bokeh, version=asperity.__version__)
    with disk.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def keep(made: xr.Dataset, page: Page, out: Path) -> list[Path]:
    """Store the dataset as ``out`` and its page beside it; returns both paths."""
    return [store.save(made, out), write_page(page, made, out.with_suffix(".html"))]
