"""The headers of JPK files: Java properties, shared records, and the scaling chain of a channel.

A channel is stored as numbers n with an encoder, u = multiplier n + offset (unit usually V), and a
conversion set: named slots, each v = multiplier w + offset of the slot it is based on, down to the
base slot, which is u. All scalings are linear, so a slot is one `Scale` of the stored numbers.
In newer files these records lie once in ``shared-data/header.properties`` as ``lcd-info.N`` (channel)
and ``force-segment-header-info.N`` (segment), and a segment's header refers to them by number
(``channel.height.lcd-info.*=0``); in older ones they stand in every segment's header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from asperity.data.readers._text import decode

__all__ = ["Deflection", "HeaderError", "LackingScale", "Scale", "UnknownHeader", "channel_record", "deflection_of",
           "height_scale", "kind_of", "parse_properties", "records", "segment_record", "setpoint_of"]

_DTYPES = {"signedshort": ">i2", "unsignedshort": ">u2", "signedinteger": ">i4", "unsignedinteger": ">u4",
           "signedlong": ">i8", "float-data": ">f4", "float": ">f4", "double-data": ">f8", "double": ">f8",
           "short-data": ">i2", "short": ">i2", "integer-data": ">i4", "integer": ">i4", "long-data": ">i8"}
#: a part of the name of a segment's style or type -> its kind
_KINDS = (("extend", "approach"), ("retract", "retract"), ("pause", "pause"), ("hold", "pause"),
          ("modulation", "modulation"), ("sine", "modulation"), ("sweep", "modulation"))
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_NAN = float("nan")
_CONTROL = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


class HeaderError(ValueError):
    """A header that lacks an entry or holds an impossible one."""


class LackingScale(HeaderError):
    """A header without the scale of its numbers, as programs leave it that process curves and save them again."""


class UnknownHeader(HeaderError):
    """A header entry of a kind that this reader does not know."""


class Scale(NamedTuple):
    """SI value = multiplier * stored number + offset, in ``unit``; numbers are of type ``dtype``."""

    dtype: str
    multiplier: float
    offset: float
    unit: str

    def apply(self, data: bytes) -> np.ndarray:
        """The values in ``data``, float64."""
        values = np.frombuffer(data, self.dtype).astype(np.float64)
        values *= self.multiplier
        values += self.offset
        return values


class Deflection(NamedTuple):
    """The deflection channel: its sampled variables and the calibration (NaN: not in the header)."""

    scales: dict[str, Scale]
    sensitivity: float
    spring_constant: float


def parse_properties(text: bytes) -> dict[str, str]:
    """The entries of a Java properties file written as ``key=value`` lines (escapes)."""
    lines = decode(text)
    if "\\\n" in lines:
        lines = re.sub(r"\\\n[ \t]*", "", lines)
    entries = {}
    for line in lines.split("\n"):
        key, equals, value = line.partition("=")
        if equals and key[0:1] not in ("#", "!"):
            entries[key] = _ESCAPE.sub(_unescape, value) if "\\" in value else value
    return entries


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) == 5 else _CONTROL.get(code, code)


def records(shared: Mapping[str, str]) -> dict[str, dict[str, dict[str, str]]]:
    """The numbered records of a shared header: ``records(...)["lcd-info"]["0"]["encoder.type"]``."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for key, value in shared.items():
        name, dot, rest = key.partition(".")
        number, dot, entry = rest.partition(".")
        if dot and number.isdecimal():
            found.setdefault(name, {}).setdefault(number, {})[entry] = value
    return found


def channel_record(header: Mapping[str, str], channel: str,
                   shared: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Mapping[str, str]:
    """The record of a channel in a segment: shared by reference, else inline; raises `HeaderError`."""
    number = header.get(f"channel.{channel}.lcd-info.*")
    if number is not None:
        record = shared.get("lcd-info", {}).get(number)
        if record is None:
            raise HeaderError(f"channel '{channel}' refers to the shared record lcd-info.{number}, "
                              "which is missing")
        return record
    prefix = f"channel.{channel}."
    record = {key[len(prefix):].removeprefix("data."): value
              for key, value in header.items() if key.startswith(prefix)}
    if not record:
        raise HeaderError(f"channel '{channel}' is missing")
    return record


def segment_record(header: Mapping[str, str],
                   shared: Mapping[str, Mapping[str, Mapping[str, str]]]) -> dict[str, str]:
    """A segment's own entries over those of the shared record it refers to."""
    prefix = "force-segment-header."
    number = header.get(prefix + "force-segment-header-info.*", "")
    own = {key[len(prefix):]: value for key, value in header.items() if key.startswith(prefix)}
    return {**shared.get("force-segment-header-info", {}).get(number, {}), **own}


def kind_of(record: Mapping[str, str]) -> str:
    """The kind of a segment (`asperity.data.curves.SEGMENT_KINDS`); raises `UnknownHeader` if none."""
    named = [record.get(key, "") for key in (
        "settings.style", "settings.segment-settings.style", "settings.segment-settings.type",
        "name.name", "name.base-object-name.name")]
    for name in named:
        for part, kind in _KINDS:
            if part in name:
                return kind
    raise UnknownHeader(f"a segment of unknown style '{named[0]}' (type '{named[2]}')")


def setpoint_of(record: Mapping[str, str]) -> float:
    """The setpoint of a segment in volts; NaN if it has none."""
    return _number(record, "settings.segment-settings.setpoint", _NAN)


def height_scale(record: Mapping[str, str]) -> Scale:
    """The default slot in meters, else the last defined one in meters; raises `UnknownHeader` if none."""
    slots = record.get("conversion-set.conversions.list", "").split()
    default = record.get("conversion-set.conversions.default", "")
    for slot in (default, *reversed(slots), record.get("conversion-set.conversions.base", "")):
        scale = _slot(record, slot)
        if scale is not None and scale.unit == "m":
            return scale
    raise UnknownHeader(f"channel '{record.get('channel.name', '?')}' has no conversion to meters")


def deflection_of(record: Mapping[str, str]) -> Deflection:
    """The deflection channel in the unit it is stored in, and its calibration.

    Stored in V: sensitivity s and spring constant k are the ratios of the slots in m and N;
    stored in m or N (already calibrated): the channel is ``deflection`` or ``force`` itself.
    A slot that is not proportional to the one before it (offset) becomes a channel of its own.
    """
    stored = _encoder(record)
    base = record.get("conversion-set.conversions.base", "")
    if stored.unit not in ("V", "m", "N"):
        raise UnknownHeader(f"the deflection is stored in unknown units '{stored.unit}'")
    if stored.unit == "N":
        return Deflection({"force": stored}, _NAN, _NAN)
    scales = {"deflection_voltage" if stored.unit == "V" else "deflection": stored}
    sensitivity = spring_constant = _NAN
    distance = base if stored.unit == "m" else _slot_in(record, "m")
    if distance is not None and distance != base:
        sensitivity = _relation(scales, "deflection", record, distance, base)
    force = _slot_in(record, "N")
    if force is not None and distance is not None:
        spring_constant = _relation(scales, "force", record, force, distance)
    elif force is not None:
        _relation(scales, "force", record, force, "")
    return Deflection(scales, sensitivity, spring_constant)


def _slot_in(record: Mapping[str, str], unit: str) -> str | None:
    """The first defined slot in a unit."""
    for slot in record.get("conversion-set.conversions.list", "").split():
        scale = _slot(record, slot)
        if scale is not None and scale.unit == unit:
            return slot
    return None


def _relation(scales: dict[str, Scale], name: str, record: Mapping[str, str], slot: str, root: str) -> float:
    """The factor from slot ``root`` to ``slot``; where it is not one, ``slot`` becomes a channel itself."""
    relative = _slot(record, slot, root, Scale("", 1.0, 0.0, ""))
    if relative is not None and relative.offset == 0.0:
        return relative.multiplier
    own = _slot(record, slot)
    if own is not None:
        scales[name] = own
    return _NAN if relative is None else relative.multiplier


def _encoder(record: Mapping[str, str]) -> Scale:
    """The scale of the stored numbers to the base slot."""
    kind = record.get("encoder.type", record.get("type", ""))
    dtype = _DTYPES.get(kind)
    if dtype is None:
        raise UnknownHeader(f"numbers of unknown type '{kind}'")
    unit = record.get("encoder.scaling.unit.unit", record.get("unit.unit", ""))
    return Scale(dtype, 1.0, 0.0, unit) if "encoder.type" not in record else _scaled(
        Scale(dtype, 1.0, 0.0, unit), record, "encoder.scaling.")


def _scaled(scale: Scale, record: Mapping[str, str], prefix: str) -> Scale:
    """``scale`` followed by the linear scaling at ``prefix``."""
    if record.get(prefix + "style", "offsetmultiplier") != "offsetmultiplier":
        raise UnknownHeader(f"a scaling of unknown style '{record[prefix + 'style']}'")
    multiplier, offset = _number(record, prefix + "multiplier"), _number(record, prefix + "offset")
    unit = record.get(prefix + "unit.unit", record.get(prefix + "unit", scale.unit))
    return Scale(scale.dtype, multiplier * scale.multiplier, multiplier * scale.offset + offset, unit)


def _slot(record: Mapping[str, str], slot: str, root: str | None = None,
          start: Scale | None = None) -> Scale | None:
    """``start`` (the stored numbers) scaled from slot ``root`` (the base) to ``slot``; None if undefined."""
    root = record.get("conversion-set.conversions.base", "") if root is None else root
    chain: list[str] = []
    while slot != root:
        prefix = f"conversion-set.conversion.{slot}."
        if record.get(prefix + "defined") != "true" or slot in chain:
            return None
        chain.append(slot)
        slot = record.get(prefix + "base-calibration-slot", root)
    scale = _encoder(record) if start is None else start
    for name in reversed(chain):
        scale = _scaled(scale, record, f"conversion-set.conversion.{name}.scaling.")
    return scale


def _number(record: Mapping[str, str], key: str, missing: float | None = None) -> float:
    """A finite number of the header (``missing`` allows absence and NaN); raises `HeaderError`."""
    try:
        value = float(record[key])
    except (KeyError, ValueError):
        value = _NAN
    if np.isfinite(value):
        return value
    if missing is None and key not in record and key.endswith("multiplier"):
        raise LackingScale(f"'{key}' is missing: it looks like a processed export, whose numbers have lost their scale")
    if missing is None:
        raise HeaderError(f"'{key}' is missing or not a number")
    return missing
