r"""Bruker NanoScope single ramps and force volumes (``.spm``, ``.000``).

A text header of sections (``\*Ciao force list``, one ``\*Ciao force image list`` per channel) ends
with ``\*File list end``; the samples follow as little-endian integers at ``Data offset``. One curve
is stored as extend, then retract, *both from the sample outwards*, so the extend part is reversed
here into time order.

``Bytes/pixel`` is not to be trusted: NanoScope 9.2 says 2 and writes 4. The true width is
``Data length / (curves * samples)``. The ``V/LSB`` of a scale line belongs to a 16-bit count.
A four-byte word holds either that count (single ramps) or the count with eight fractional bits below
it (force volumes: 24-bit fixed point, the low byte of every word is 0x00 or 0xff). Which of
the two is seen in the low bytes, not in the header; taking the second for the first makes every
deflection 256 times too large, without any other sign. Hence the *self-check*: the decoded
deflection must reach the trigger threshold of the header within `OVERSHOOT` and `SHORTFALL` and must
lie inside the converter's 16-bit range; a file that does not is refused with both numbers.

Height: the ramp (``Ramp Size`` times ``Sens. Zsens``), one step per sample period, zero at the turning
point; a height-sensor channel is preferred where the file has one. Far ends that hold the lowest count
(-32768) were not recorded, because the trigger came first: they are cut off. So is what follows the B samples of the
first half in an aborted ramp, ``Samps/line: A B`` with A > B: the half has room for A, the rest of it is arbitrary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from asperity.data import opening
from asperity.data.curves import Curves
from asperity.data.readers._errors import CorruptFile, ReadError, Unsupported
from asperity.data.readers.vendors.nanoscope_header import (
    NanoscopeHeader,
    Section,
    are_aligned,
    parse_length,
    parse_number,
    parse_scale,
    positive,
)

__all__ = ["EXTENSIONS", "NAME", "OVERSHOOT", "SHORTFALL", "matches", "open_curves"]

NAME = "Bruker NanoScope"
EXTENSIONS = (".spm", ".pfc", ".000", ".001")

#: the median peak deflection of the sampled curves may exceed the trigger threshold by this factor ...
OVERSHOOT = 4.0
#: ... and stay below it by this one (an approach may end before the trigger); also a curve's upper factor
SHORTFALL = 16.0

_CHANNEL = "ciao force image list"
_INTEGER = {2: np.dtype("<i2"), 4: np.dtype("<i4")}
_REMEDY = "The samples are damaged or stored in a way this reader does not know; it does not guess."

Loader = Callable[[int], Sequence[np.ndarray]]


def matches(head: bytes, name: str) -> bool:
    r"""True if the file starts with ``\*Force file list`` or ``\*File list``."""
    return head.startswith((b"\\*Force file list", b"\\*File list"))


def open_curves(path: Path) -> Curves:
    """Open a single ramp or a force volume; reads the header and up to five curves for the self-check.

    The channels are ``deflection_voltage`` (V), ``height`` (m), ``time`` (s) and, beside a height sensor,
    ``height_drive``; the segments ``approach`` and ``retract``.

    Raises:
        CorruptFile: truncated, with more bytes than it lists, or the decoded deflection contradicts the header.
        Unsupported: images, PeakForce captures, ramps with stored hold data.
    """
    header = NanoscopeHeader.read(path)
    _refuse_others(header)
    section = _deflection(header)
    layout = _layout(header, section)
    channel = _channel(header, section, layout)
    header.check_end(lambda: all(are_aligned(channel.words(curve)) for curve in layout.probes))
    check = _Check.of(header, channel)
    counts = _recorded(channel)
    check.file(counts)
    axes = _heights(header, section, layout) | {"time": _time(header, layout)}
    channels: dict[str, Loader] = {name: partial(_cut, load, counts) for name, load in axes.items()}
    return Curves(
        segments=("approach", "retract"),
        counts=counts,
        channels=channels | {"deflection_voltage": partial(check.load, counts)},
        session=_session(header, section),
        spring_constant=positive(parse_number(section.get("spring constant", ""))),
        sensitivity=header.sensitivity(parse_scale(section.get("z scale", "")).sensitivity),
        attrs=_attributes(header) | {"self_check": check.verdict()},
        **_positions(header, layout),
    )


@dataclass(frozen=True)
class _Layout:
    """How many curves of how many samples, on what grid."""

    rows: int
    columns: int
    extend: int  # samples as stored
    retract: int
    steps: int  # of the whole ramp in the time of the extend part
    recorded: int  # samples of the extend part; the far ones of an aborted ramp are not of it

    @property
    def n_curves(self) -> int:
        return self.rows * self.columns

    @property
    def probes(self) -> list[int]:
        """Up to five curves spread over the file."""
        return sorted({i * (self.n_curves - 1) // 4 for i in range(5)})


@dataclass(frozen=True)
class _Channel:
    """Where the samples of one channel lie, and what they mean."""

    path: Path
    name: str
    offset: int
    dtype: np.dtype
    layout: _Layout
    limit: float  # V, full range of a 16-bit count
    fraction: int = 1  # integers per count

    def words(self, curve: int) -> np.ndarray:
        """The stored integers of one curve, shape (extend + retract,)."""
        count = self.layout.extend + self.layout.retract
        start = self.offset + curve * count * self.dtype.itemsize
        words = opening.array(self.path, self.dtype, count, start)
        if words.size != count:
            raise CorruptFile(self.path, f"curve {curve} of '{self.name}' is cut off: "
                                         f"{words.size} of {count} samples.")
        words[self.layout.recorded : self.layout.extend] = 0
        return words

    def load(self, curve: int) -> tuple[np.ndarray, np.ndarray]:
        """Approach and retract of one curve in V and in time order, all samples."""
        values = self.words(curve) * (self.limit / (2**15 * self.fraction))
        return values[: self.layout.extend][::-1], values[self.layout.extend:]


def _refuse_others(header: NanoscopeHeader) -> None:
    """`Unsupported` for what is a NanoScope file but not a linear ramp."""
    if not header.all(_CHANNEL):
        names = ", ".join(_label(section) for section in header.all("ciao image list")) or "no data"
        raise Unsupported(header.path, f"a NanoScope image file ({names}); it holds no force curves.")
    if header.text("peakforce capture").lower() == "allow":
        raise Unsupported(header.path, "a PeakForce capture: its ramp is sinusoidal and is not read yet.",
                          "Export the curves as text from NanoScope Analysis.")


def _label(section: Section) -> str:
    """The name of a channel, from ``S [DeflectionError] "Deflection Error"``."""
    data = section.get("image data", "unnamed")
    return data.partition('"')[2].rstrip('" ') or data


def _deflection(header: NanoscopeHeader) -> Section:
    channels = header.all(_CHANNEL)
    found = [section for section in channels if "deflection" in section.get("image data", "").lower()]
    if not found:
        names = ", ".join(map(_label, channels))
        raise Unsupported(header.path, f"no deflection among its channels ({names}).")
    return found[0]


def _layout(header: NanoscopeHeader, section: Section) -> _Layout:
    """Number of curves and samples as declared; whether they fit the file is for `_channel`."""
    samples = [parse_number(word) for word in section.get("samps/line", "").split()] or [math.nan]
    if not all(n >= 1 and n == int(n) for n in samples):
        raise CorruptFile(header.path, f"'Samps/line: {section.get('samps/line', 'missing')}' is no count.")
    rows = columns = 1
    if header.text("start context") == "FVOL" or "volume" in header.text("operating mode").lower():
        columns = header.count("force/line", header.first("ciao force list"))
        image = header.first("ciao image list")
        rows = header.count("number of lines", image) if image else header.count(
            "lines", header.first("ciao scan list"))
    first, second = int(samples[0]), int(samples[-1])
    if first <= second:
        return _Layout(rows, columns, first, second, first, first)
    whole = header.count("data length", section) % (2 * first * rows * columns) == 0  # aborted: the short half is first
    return _Layout(rows, columns, first if whole else second, first, first, second)


def _channel(header: NanoscopeHeader, section: Section, layout: _Layout) -> _Channel:
    """Place and scale of one channel; the declared sizes must fit each other and the file."""
    offset, size = header.count("data offset", section), header.count("data length", section)
    if offset + size > header.file_size:
        raise header.too_short(_label(section), offset + size)
    samples = layout.n_curves * (layout.extend + layout.retract)
    width = size // samples
    if width not in _INTEGER or width * samples != size:
        raise _bad_size(header, layout, size)
    count = parse_scale(section.get("z scale", "")).volts_per_count
    if not count > 0:
        raise Unsupported(header.path, f"the scale of '{_label(section)}' is not in volts "
                                       f"({section.get('z scale', 'missing')!r}).")
    channel = _Channel(header.path, _label(section), offset, _INTEGER[width], layout, 2**15 * count)
    return replace(channel, fraction=_fraction(channel))


def _bad_size(header: NanoscopeHeader, layout: _Layout, size: int) -> ReadError:
    """Why the data length does not fit: stored hold data, or a damaged header."""
    hold = parse_number(header.text("hold samples"))
    if hold > 0 and size % (layout.n_curves * (layout.extend + layout.retract + int(hold))) == 0:
        return Unsupported(header.path, f"it stores {int(hold)} hold samples per curve, not read yet.")
    return CorruptFile(header.path, f"{size} bytes are no 2- or 4-byte samples of {layout.n_curves} curves "
                                    f"with {layout.extend} + {layout.retract} samples.")


def _fraction(channel: _Channel) -> int:
    """256 if four-byte words carry eight fractional bits (every low byte is 0x00 or 0xff), else 1."""
    if channel.dtype.itemsize == 2:
        return 1
    low = np.concatenate([channel.words(curve) for curve in channel.layout.probes]) & 0xFF
    return 256 if bool(np.all((low == 0) | (low == 0xFF))) else 1


def _recorded(channel: _Channel) -> np.ndarray:
    """Samples per curve and segment without the unrecorded far end; touches the far samples only."""
    layout = channel.layout
    shape = (layout.n_curves, layout.extend + layout.retract)
    words = opening.mapped_array(channel.path, channel.dtype, shape, channel.offset)
    counts = np.tile([layout.recorded, layout.retract], (layout.n_curves, 1))
    for segment, part in enumerate((words[:, : layout.extend], words[:, layout.extend:])):
        for curve in np.flatnonzero(part[:, -1] <= -(2**15) * channel.fraction):
            known = np.flatnonzero(part[curve] > -(2**15) * channel.fraction)
            counts[curve, segment] = min(counts[curve, segment], known[-1] + 1 if known.size else 0)
    return counts


def _cut(load: Loader, counts: np.ndarray, curve: int) -> tuple[np.ndarray, np.ndarray]:
    """The recorded samples of a curve: the approach loses its start, the retract its end."""
    (approach, retract), (first, second) = load(curve), counts[curve]
    return approach[len(approach) - first:], retract[:second]


@dataclass(frozen=True)
class _Check:
    """The self-check of the decoded deflection against the converter's range and the trigger threshold."""

    channel: _Channel
    threshold: float  # V, or NaN: the ramp was not triggered by the deflection
    relative: bool  # the threshold counts from the baseline, else from zero

    @classmethod
    def of(cls, header: NanoscopeHeader, channel: _Channel) -> _Check:
        """Threshold and mode as the header states them."""
        mode = header.text("trigger mode").lower()
        triggered = mode in ("relative", "absolute") and header.text("trig slope").lower() != "negative"
        threshold = positive(_threshold(header)) if triggered else math.nan
        return cls(channel, threshold, mode == "relative")

    def file(self, counts: np.ndarray) -> None:
        """Raise `CorruptFile` if the typical curve contradicts the header."""
        probes = self.channel.layout.probes
        peak = float(np.median([self._peak(self.load(counts, curve)[0]) for curve in probes]))
        if peak > OVERSHOOT * self.threshold or peak * SHORTFALL < self.threshold:
            raise self._failure("the approaches", peak, f"{OVERSHOOT:g} above, {SHORTFALL:g} below")

    def load(self, counts: np.ndarray, curve: int) -> Sequence[np.ndarray]:
        """The deflection of one curve in V; `CorruptFile` if it is impossible by the header."""
        approach, retract = _cut(self.channel.load, counts, curve)
        limit = self.channel.limit
        largest = max(np.abs(part).max(initial=0.0) for part in (approach, retract))
        if largest > limit * 1.001:
            raise CorruptFile(self.channel.path, f"curve {curve} decodes to {largest:.4g} V, beyond the "
                              f"converter's range of {limit:.4g} V by its header.", _REMEDY)
        peak = self._peak(approach)
        if peak > SHORTFALL * self.threshold:
            raise self._failure(f"curve {curve}", peak, f"{SHORTFALL:g} above")
        return approach, retract

    def verdict(self) -> str:
        """What the check could compare, for the dataset's attributes."""
        if math.isnan(self.threshold):
            return f"no deflection trigger in the header; converter range {self.channel.limit:.4g} V only"
        return f"passed: peak deflection against the trigger threshold of {self.threshold:.4g} V"

    def _peak(self, approach: np.ndarray) -> float:
        """The largest deflection of an approach in V, above its far quarter if the trigger is relative."""
        if not approach.size:
            return 0.0
        far = approach[: max(1, approach.size // 4)]
        return float(approach.max() - (np.median(far) if self.relative else 0.0))

    def _failure(self, what: str, peak: float, allowed: str) -> CorruptFile:
        return CorruptFile(self.channel.path, f"the self-check failed: {what} decode to a peak deflection of "
                           f"{peak:.4g} V against a trigger threshold of {self.threshold:.4g} V "
                           f"(allowed factor: {allowed}).", _REMEDY)


def _threshold(header: NanoscopeHeader) -> float:
    """The trigger threshold of the deflection in V, or NaN."""
    return parse_scale(header.text("trig threshold deflection")).volts


def _heights(header: NanoscopeHeader, section: Section, layout: _Layout) -> dict[str, Loader]:
    """The loaders of ``height`` and, where there is a sensor, ``height_drive``."""
    size = _ramp_size(header, section)

    def ramp(curve: int) -> Sequence[np.ndarray]:
        return (size * np.arange(layout.extend - 1, -1, -1.0) / layout.steps,
                size * np.arange(layout.retract, dtype=float) / layout.retract)

    sensors = [s for s in header.all(_CHANNEL) if "sensor" in s.get("image data", "").lower()]
    if not sensors:
        return {"height": ramp}
    channel = _channel(header, sensors[0], layout)
    factor = _sensor_factor(header, sensors[0], channel, size)
    return {"height": lambda curve: [part * factor for part in channel.load(curve)], "height_drive": ramp}


def _ramp_size(header: NanoscopeHeader, section: Section) -> float:
    """Length of the ramp in m."""
    for text in (section.get("ramp size", ""), header.text("ramp size zsweep")):
        scale = parse_scale(text)
        size = scale.volts * header.sensitivity(scale.sensitivity)
        if size > 0:
            return size
    raise CorruptFile(header.path, "its header has no valid ramp size ('Ramp Size' and its sensitivity).")


def _sensor_factor(header: NanoscopeHeader, section: Section, channel: _Channel, size: float) -> float:
    """m per V of the height sensor, signed so that height falls in the approach; checked against the ramp."""
    factor = header.sensitivity(parse_scale(section["z scale"]).sensitivity)
    layout = channel.layout
    approach = channel.load(layout.probes[len(layout.probes) // 2])[0][-layout.recorded:]
    travel = float(approach[0] - approach[-1]) * factor
    if not size * layout.recorded / layout.steps / SHORTFALL < abs(travel) < size * OVERSHOOT:
        raise CorruptFile(header.path, f"the self-check failed: '{channel.name}' moves by "
                                       f"{abs(travel):.4g} m in a ramp of {size:.4g} m.", _REMEDY)
    return math.copysign(factor, travel)


def _time(header: NanoscopeHeader, layout: _Layout) -> Loader:
    """Time from the size (V) and velocity (V/s) of the ramp, else from the rate of whole cycles."""
    volts = parse_scale(header.text("ramp size zsweep") or header.text("ramp size")).volts
    force = header.first("ciao force list")
    half = 0.5 / positive(parse_number(force.get("scan rate", "")))
    forward, backward = (volts / positive(parse_number(force.get(key, "")))
                         for key in ("forward vel.", "reverse vel."))
    forward, backward = (t if t > 0 else half for t in (forward, backward))
    hold = parse_number(force.get("hold time", ""))
    turn = forward + (hold if hold > 0 else 0.0)

    def load(curve: int) -> Sequence[np.ndarray]:
        return (forward * np.arange(layout.steps - layout.extend, layout.steps) / layout.steps,
                turn + backward * np.arange(layout.retract) / layout.retract)
    return load


def _positions(header: NanoscopeHeader, layout: _Layout) -> dict[str, np.ndarray]:
    """Grid indices and the pixel centers; row 0 is the lowest line, as in the height image beside."""
    scan = header.first("ciao scan list")
    x, y = parse_length(scan.get("x offset", "")), parse_length(scan.get("y offset", ""))
    if layout.n_curves == 1:
        return {"x": np.array(x), "y": np.array(y)}
    row, column = np.divmod(np.arange(layout.n_curves), layout.columns)
    pixel = parse_length(scan.get("scan size", "")) / layout.columns
    return {"row": row, "column": column, "x": x + pixel * (column + 0.5 - layout.columns / 2),
            "y": y + pixel * (row + 0.5 - layout.rows / 2)}


def _session(header: NanoscopeHeader, section: Section) -> str:
    """Same day, scanner, lever and calibration."""
    scale = parse_scale(section.get("z scale", ""))
    parts = (header.date()[:10], header.text("description"), header.text("serial number"),
             header.text("tip serial number"), f"k={section.get('spring constant', 'unknown')}",
             f"s={header.sensitivity(scale.sensitivity):g}")
    return " ".join(("nanoscope", *(part for part in parts if part)))


def _attributes(header: NanoscopeHeader) -> dict[str, str | float]:
    """Instrument, software, date, the vendor's channel names and the trigger."""
    return {"format": NAME, "instrument": header.text("microscope"),
            "software": f"NanoScope {header.text('version')}", "date": header.date(),
            "vendor_channels": ", ".join(map(_label, header.all(_CHANNEL))),
            "trigger_mode": header.text("trigger mode"), "setpoint_voltage": _threshold(header)}
