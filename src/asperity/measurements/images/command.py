"""The commands `image` and `drift`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from asperity.terminal.options import Channel, Images, Json, Pixel, Unit, output
from asperity.terminal.running import guarded

__all__ = ["drift", "image"]


def _told_image(opened: Any, result: Any, out: Path | None, *, as_json: bool) -> list[str]:
    """What the command line says of an image; the result and its page are stored where ``out`` says."""
    from asperity.data.images import summary
    from asperity.measurements.images import page
    from asperity.report.page import keep

    found = json.loads(result.attrs["corrections"])
    about = page.page(result)
    outputs = [] if out is None else keep(result, about, out)
    if as_json:
        return [json.dumps(found | {"outputs": [str(path) for path in outputs]})]
    guard = found.get("guard", []) if found.get("guard_kept") is not None else []  # else among the remarks
    return [*summary(opened), about.headline, *(f"{row.name}: {row.line}. {row.meaning}" for row in about.findings),
            *about.remarks, *guard, *(f"-> {path}" for path in outputs)]


def _told_drift(made: Any, out: Path) -> list[str]:
    """What the command line says of a drift; it is stored with its page."""
    from asperity.measurements.images.drift_page import page
    from asperity.report.page import keep

    about = page(made)
    return [about.headline, *(f"{row.name}: {row.line} ({row.meaning})" for row in about.findings), *about.remarks,
            *(f"-> {path}" for path in keep(made, about, out))]


@guarded
def image(
    path: Annotated[Path, typer.Argument(help="An image file.", show_default=False)],
    channel: Channel = "height",
    level: Annotated[int, typer.Option(help="Order of the polynomial taken off; -1: none.")] = 1,
    lines: Annotated[
        str | None, typer.Option(help="Take off each line: median, mean, difference.", show_default=False)
    ] = None,
    denoise: Annotated[bool, typer.Option("--denoise", help="Posterior mean under the image's own spectrum.")] = False,
    tip: Annotated[Path | None, typer.Option(help="From 'calibrate tip'.", show_default=False)] = None,
    pixel: Pixel = None,
    unit: Unit = None,
    out: Annotated[Path | None, output("Ends in .nc; the page beside it.", ".nc", ".zarr")] = None,
    as_json: Json = False,
) -> None:
    """Say what is in an image, level it, and if asked free it of noise and of the tip's shape."""
    from asperity import correct
    from asperity.measurements.images.read import read_image

    opened = read_image(path, pitch=pixel, unit=unit)
    options = {"level": None if level < 0 else level, "lines": lines, "denoise": denoise, "tip": tip}
    made = correct.image(opened, channel=channel, **options)
    typer.echo("\n".join(_told_image(opened, made, out, as_json=as_json)))


@guarded
def drift(
    images: Images,
    channel: Channel = "height",
    reach: Annotated[int, typer.Option(help="Frames up to so far apart are compared.")] = 3,
    pixel: Pixel = None,
    unit: Unit = None,
    out: Annotated[Path, output("Ends in .nc; the page beside it.", ".nc", ".zarr")] = Path("drift.nc"),
) -> None:
    """Follow the drift over a film, or over several images in the order of their time."""
    from asperity import correct
    from asperity.measurements.images.read import read_image

    opened = [read_image(path, pitch=pixel, unit=unit) for path in images]
    made = correct.drift(opened if len(opened) > 1 else opened[0], channel=channel, reach=reach)
    typer.echo("\n".join(_told_drift(made, out)))
