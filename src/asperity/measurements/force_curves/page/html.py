"""`write_report`: the results of a fit as one HTML file that needs no server and no network."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.data import disk
from asperity.measurements.force_curves import score as scorecard
from asperity.measurements.force_curves.contents import Contents, Grid, gathered, grids
from asperity.measurements.force_curves.page import curves, maps, sequences, words
from asperity.measurements.force_curves.page import records as files
from asperity.measurements.force_curves.page.remarks import remarks
from asperity.report import records

__all__ = ["write_report"]

#: maps of more files than this, or of more pixels together, are not drawn (the report says so)
MOST_MAPS = 12
MOST_PIXELS = 2_000_000
#: curves on no grid that are drawn in their order, at most
MOST_IN_ORDER = 20_000


def write_report(results: xr.Dataset, path: str | Path, *, title: str | None = None,
                 contents: Contents | None = None) -> Path:
    """Write the report of ``results`` to ``path`` and return the path.

    The file holds everything it shows (scripts, styles, data) and makes no request of any kind; a
    content security policy inside it forbids them. The report computes nothing but counts, medians
    and quantiles: every number comes from ``results``.

    Args:
        results: what a fit returns: per curve the fitted quantities with ``_std`` (``_std_noise``,
            ``_std_calibration``), ``flag``, the fixed inputs, the curves for display
            ``display_tip_position``, ``display_force``, ``display_fit`` (curve, point), the truth
            ``true_...`` where it is known; attributes ``model``, ``history``, ``failed_files``,
            ``citations``. Any of them may be missing.
        path: the file to write; its folder must exist.
        title: heading of the page; the names of the files if not given.
        contents: those of ``results`` where they were gathered already, with their scorecard.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    path, text = Path(path), render(results, title, contents)
    with disk.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def render(results: xr.Dataset, title: str | None = None, contents: Contents | None = None) -> str:
    """The report as HTML text."""
    from bokeh.resources import Resources
    from jinja2 import Environment, StrictUndefined

    kit, own = resources.files("asperity.report"), resources.files("asperity.measurements.force_curves.page")
    places = {"html": own, "css": kit, "js": own}
    texts = {name: (place / f"report.{name}").read_text(encoding="utf-8") for name, place in places.items()}
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(texts["html"])
    contents = contents or gathered(results)
    context = _words(contents) | _figures(contents)
    return template.render(
        **context,
        title=title or _title(contents),
        css=texts["css"],
        js=texts["js"],
        bokeh=Resources(mode="inline", components=["bokeh"]).render(),
    )


def _title(contents: Contents) -> str:
    names = contents.files
    return "No data" if not names else names[0] if len(names) == 1 else f"{len(names)} files"


def _words(contents: Contents) -> dict[str, Any]:
    """Everything on the page that is text."""
    lines, results = words.flag_lines(contents), contents.results
    return {
        "headline": words.headline(contents),
        "findings": words.findings(contents),
        "legend": words.legend(contents),
        "remarks": remarks(contents),
        "closeness": words.closeness(contents),
        "failed_files": words.failed_files(contents),
        "unreadable": words.unreadable(contents),
        "flag_lines": lines,
        "problems": [line for line in lines if not line.usable],
        "cautions": [line for line in lines if line.usable and line.flag != 0],
        "colors": {line.flag: maps.flag_color(line.name.replace(" ", "_")) for line in lines},
        "scorecard": scorecard.rows(scorecard.judged(contents)) if contents.count else [],
        "file_header": files.file_header(contents),
        "file_rows": files.file_rows(contents),
        "file_count": len(contents.files),
        "calibration": files.calibration_rows(contents),
        "made": records.made(results),
        "history": records.history(results),
        "raw_history": records.raw_history(results),
        "citations": records.citations(results),
        "model": str(results.attrs.get("model", "")),
        "version": _version(),
    }


def _version() -> str:
    import asperity

    return asperity.__version__


def _figures(contents: Contents) -> dict[str, Any]:
    """Everything on the page that is drawn: Bokeh's script, and the places where it puts the figures."""
    found = grids(contents)
    drawn, off_grid = _few(found), _off_grid(contents, found)
    with_values = curves.has_values(contents, "display_force")
    has_curves = bool(with_values.any())
    thin = curves.thinning(contents.count, contents.results.sizes.get("point", 0) if has_curves else 0)
    chosen = curves.exemplars(contents, with_values) if has_curves else []
    named = [*(one.curve for one in chosen), *(i for line in words.flag_lines(contents) for i in line.examples)]
    known = curves.known(contents, thin, named)
    source = curves.curve_source(contents, drawn, thin, known)
    every = max(1, -(-len(off_grid) // MOST_IN_ORDER))
    shown = chosen if contents.count > 1 else []  # a single curve is in the panel already
    models: dict[str, Any] = {}
    for i, grid in enumerate(drawn):
        models |= {f"map_{i}_{j}": plot for j, plot in enumerate(maps.map_figures(contents, grid, source, i))}
    if len(off_grid) > 1:
        models |= {
            f"sequence_{j}": plot
            for j, plot in enumerate(sequences.sequence_figures(contents, off_grid[::every], source))
        }
    models |= {f"histogram_{j}": plot for j, plot in enumerate(sequences.histograms(contents))}
    if has_curves:
        models |= curves.panel_figures([source, *curves.store_sources(contents, thin)])
    for j, exemplar in enumerate(shown):
        models |= {
            f"exemplar_{j}_{k}": plot
            for k, plot in enumerate(curves.exemplar_figures(contents, exemplar.curve))
        }
    script, places = _embedded(models)
    return {
        "script": script,
        "places": places,
        "grids": drawn,
        "left_out": [grid.file for grid in found[len(drawn):]],
        "exemplars": shown,
        "thinning": " ".join([thin.words, _told(len(known), contents.count, every)]).strip(),
        "has_curves": has_curves,
        "off_grid": len(off_grid),
        "page": _page(contents, chosen),
    }


def _embedded(models: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Bokeh's script and one place per figure; the document is put together once, not once per figure."""
    from bokeh.document import Document
    from bokeh.embed import components

    if not models:
        return "", {}
    document = Document()
    document.validate = lambda: None  # it looks at every model again; what is drawn here is tested in a browser
    with document.models.freeze():
        for model in models.values():
            document.add_root(model)
    return components(models)


def _few(found: list[Grid]) -> list[Grid]:
    """The first maps, as many as a page can hold."""
    pixels = np.cumsum([grid.curves.size for grid in found])
    return found[: min(MOST_MAPS, int(np.searchsorted(pixels, MOST_PIXELS, "right")))]


def _told(known: int, count: int, every: int) -> str:
    """What of very many curves is left out of the page."""
    said = [f"Numbers of {known:,} of the {count:,} curves are embedded; the others are in the results file."
            ] if known < count else []
    return " ".join(said + ([f"Of the curves on no grid, one in {every} is drawn."] if every > 1 else []))


def _off_grid(contents: Contents, found: list[Grid]) -> np.ndarray:
    """The curves that are on none of the grids, if there is a property to draw."""
    on_grid = [grid.curves[grid.curves >= 0] for grid in found]
    rest = np.setdiff1d(np.arange(contents.count), np.concatenate([*on_grid, np.arange(0)]))
    return rest if contents.measured else rest[:0]


def _page(contents: Contents, chosen: list[curves.Exemplar]) -> dict[str, Any]:
    """What the script of the page needs beside the figures."""
    present = {flag: contents.codes[flag] for flag in sorted(contents.outcomes)}
    middle = [exemplar.curve for exemplar in chosen if exemplar.why == "median fit"]
    return {
        "files": contents.files,
        "curves": contents.count,
        "first": (middle or [exemplar.curve for exemplar in chosen] or [0])[0],
        "properties": [[found.name, found.words] for found in contents.measured],
        "outcomes": {flag: code.name.replace("_", " ") for flag, code in present.items()},
        "meanings": {flag: code.meaning for flag, code in present.items() if flag != 0},
    }
