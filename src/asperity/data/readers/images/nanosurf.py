"""Nanosurf ``.nid`` images: the groups ``Scan forward`` and ``Scan backward`` of a file, with or without curves.

Header and integers are those of `asperity.data.readers.force_curves.nanosurf`. The lowest line comes first, forward and
backward both from left to right. Other than the ramp of a force curve, the ``Z-Axis`` of an image grows away from
the sample: in the supplied file that holds both, the image rises where the curves meet the surface higher up.
"""

from __future__ import annotations

import math
import re
from functools import partial
from pathlib import Path

import numpy as np

from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.data.readers.images._channels import Channel, Images
from asperity.data.readers.vendors.nanosurf_header import ChannelBlock, NanosurfHeader, parse_number

__all__ = ["EXTENSIONS", "NAME", "matches", "open_images"]

NAME = "Nanosurf .nid image"
EXTENSIONS = (".nid",)

_GROUP = re.compile(r"(?P<second>2nd )?scan (?P<direction>forward|backward)", re.IGNORECASE)


def matches(head: bytes, name: str) -> bool:
    """True if the file starts with the section ``[DataSet]`` of a Nanosurf header."""
    return head.startswith(b"[DataSet]") and b"GroupCount=" in head


def open_images(path: Path) -> Images:
    """Open the images of a Nanosurf file; reads the header only.

    Raises:
        CorruptFile: truncated, or the header's sizes are not those of the file.
        Unsupported: no image in it.
    """
    header = NanosurfHeader.read(path)
    blocks = [block for block in header.blocks if _GROUP.fullmatch(block.group)]
    if not blocks:
        held = ", ".join(dict.fromkeys(block.group for block in header.blocks)) or "nothing"
        raise Unsupported(path, f"a Nanosurf file without images; it holds: {held}.",
                          "Force curves are read by open_dataset.")
    grids = {(b.lines, b.points, b.number("Dim1Range"), b.number("Dim0Range")) for b in blocks}
    if len(grids) > 1:
        raise CorruptFile(path, f"its scan groups differ in size: {sorted(grids)}.")
    rows, columns, height, width = grids.pop()
    if not (height > 0 and width > 0):
        raise CorruptFile(path, f"its scan is {width:g} m x {height:g} m ('Dim0Range', 'Dim1Range').")
    (duration, _), (x, y) = _vector(header, "ScanTime"), _vector(header, "ScanOffset")
    return Images(
        channels=tuple(_channel(block) for block in blocks), shape=(rows, columns), session=_session(header),
        pitch=(height / rows, width / columns), center=(y, x),
        line_time=2 * duration if duration > 0 else math.nan, attrs=_attributes(header))


def _channel(block: ChannelBlock) -> Channel:
    found = _GROUP.fullmatch(block.group)
    assert found is not None
    return Channel(block.name, block.section.get("Dim2Unit", ""), partial(_load, block),
                   retrace=found["direction"].lower() == "backward", second_pass=found["second"] is not None)


def _load(block: ChannelBlock) -> np.ndarray:
    return block.load(0, block.lines * block.points).reshape(block.lines, block.points)


def _vector(header: NanosurfHeader, key: str) -> tuple[float, float]:
    """The first two components of a parameter ``V[x,y,z]*[m,m,m]``; zeros where it is missing."""
    found = re.match(r"V\[([^\]]*)\]", header.find("Imaging").get(key, ""))
    numbers = [parse_number(word) for word in found[1].split(",")] if found else []
    x, y = [*numbers, 0.0, 0.0][:2]
    return (x if math.isfinite(x) else 0.0, y if math.isfinite(y) else 0.0)


def _session(header: NanosurfHeader) -> str:
    """Same day, head and lever."""
    info = header.find("DataSet-Info")
    named = (header.date()[:10], info.get("Scan head", ""), info.get("Cantilever type", ""))
    return " ".join(("nanosurf", *(part for part in named if part)))


def _attributes(header: NanosurfHeader) -> dict[str, str | float]:
    info = header.find("DataSet-Info")
    found = re.match(r"V\[([^,\]]*)", header.find("Imaging").get("ScanRotation", ""))
    angle = parse_number(found[1]) if found else math.nan
    return {"instrument": info.get("Head type", ""), "date": header.date(),
            "software": f"Nanosurf {info.get('Software ver.', '')}".strip(), "mode": info.get("Op. mode", ""),
            "scan_angle": math.radians(angle) if math.isfinite(angle) else 0.0,
            "frame_direction": info.get("Scan direction", "").lower()}
