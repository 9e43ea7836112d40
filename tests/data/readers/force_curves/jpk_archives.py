"""Tiny JPK archives with known numbers, for the tests of the JPK reader."""

import zipfile

import numpy as np

from asperity.data.curves import to_dataset
from asperity.data.readers.force_curves import jpk
from asperity.data.readers.vendors import zip_archive

SENSITIVITY, SPRING_CONSTANT = 2.5e-8, 0.04
ENCODERS = {"vDeflection": (3e-9, 0.01), "height": (2e-8, 50.0), "measuredHeight": (-1e-14, -2e-5)}
HEIGHT_SLOTS = (("nominal", "volts", 1e-4, -1e-6, "m"), ("calibrated", "nominal", 0.0, 0.7, "m"))
SENSOR_SLOTS = (("nominal", "absolute", 1e-4, 1.0, "m"),)
FORCE_SLOTS = (("distance", "volts", 0.0, SENSITIVITY, "m"), ("force", "distance", 0.0, SPRING_CONSTANT, "N"))

STYLES = ("extend", "pause", "retract")


def conversion(prefix, slots, base, default=None):
    """The lines of a conversion set."""
    lines = [f"{prefix}conversion-set.conversions.list={' '.join(slot[0] for slot in slots)}",
             f"{prefix}conversion-set.conversions.default={default or slots[-1][0]}",
             f"{prefix}conversion-set.conversions.base={base}",
             f"{prefix}conversion-set.conversion.{base}.defined=false"]
    for name, below, offset, multiplier, unit in slots:
        slot = f"{prefix}conversion-set.conversion.{name}."
        lines += [f"{slot}defined={'false' if multiplier is None else 'true'}"]
        if multiplier is not None:
            lines += [f"{slot}base-calibration-slot={below}", f"{slot}scaling.type=linear",
                      f"{slot}scaling.style=offsetmultiplier", f"{slot}scaling.offset={offset!r}",
                      f"{slot}scaling.multiplier={multiplier!r}", f"{slot}scaling.unit.unit={unit}"]
    return lines


def encoder(prefix, kind, channel, unit):
    multiplier, offset = ENCODERS[channel]
    return [f"{prefix}encoder.type={kind}", f"{prefix}encoder.scaling.style=offsetmultiplier",
            f"{prefix}encoder.scaling.offset={offset!r}",
            f"{prefix}encoder.scaling.multiplier={multiplier!r}",
            f"{prefix}encoder.scaling.unit.unit={unit}"]


def settings(style, setpoint="NaN", **more):
    given = {"setpoint": setpoint, "z-start": 2e-6, "z-end": 0.0, "duration": 0.5, **more}
    return [f"settings.style={style}"] + [f"settings.segment-settings.{k}={v}" for k, v in given.items()]


def shared_header(styles, force_slots=FORCE_SLOTS, deflection_unit="V", more=()):
    lines = []
    for i, style in enumerate(styles):
        entries = settings(style, 1.5) if style == "extend" else settings(
            style, **({"frequency": 30.0, "amplitude": 1e-8} if style == "modulation" else {}))
        lines += [f"force-segment-header-info.{i}.{entry}" for entry in entries]
    for i, (channel, slots, base, unit) in enumerate((
            ("height", HEIGHT_SLOTS, "volts", "V"), ("vDeflection", force_slots, "volts", deflection_unit),
            ("measuredHeight", SENSOR_SLOTS, "absolute", "m"))):
        info = f"lcd-info.{i}."
        lines += [f"{info}type=integer-data", f"{info}channel.name={channel}",
                  *encoder(info, "signedinteger", channel, unit), *conversion(info, slots, base)]
    return "\n".join([*lines, *more])


def segment_header(i, points, duration, channels=("height", "vDeflection", "measuredHeight"), replace=()):
    lines = [f"force-segment-header.force-segment-header-info.*={i}",
             f"force-segment-header.num-points={points}", f"force-segment-header.duration={duration!r}",
             "force-segment-header.time-stamp=2024-05-06 07\\:08\\:09.000 +0200",
             f"channels.list={' '.join(channels)}"]
    for n, channel in enumerate(("height", "vDeflection", "measuredHeight")):
        if channel in channels:
            lines += [f"channel.{channel}.lcd-info.*={dict(replace).get(channel, n)}",
                      f"channel.{channel}.data.file.name=channels/{channel}.dat"]
    return "\n".join(lines)


def raw_numbers(curve, segment, points):
    """Different numbers for each channel, curve and segment."""
    rng = np.random.default_rng([curve, segment])
    return {name: rng.integers(-10**9, 10**9, points).astype(">i4") for name in ENCODERS}


TOP = "\n".join((
    "jpk-data-file=spm-force-scan-map-file", "type=force-scan-map",
    "force-scan-map.description.instrument=JPK00042", "force-scan-map.description.source-software=6.1.2",
    "force-scan-map.position-pattern.type=grid-position-pattern",
    "force-scan-map.position-pattern.back-and-forth=true",
    "force-scan-map.position-pattern.grid.ilength=3", "force-scan-map.position-pattern.grid.jlength=2"))


def build_map(path, curves, styles=STYLES, shared=None, compression=zipfile.ZIP_DEFLATED, **header):
    """A map: ``curves`` is {number: (points of each segment)}; None leaves a segment out."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("header.properties", TOP)
        for number, counts in curves.items():
            archive.writestr(f"index/{number}/header.properties",
                             f"type=force-scan-series\nforce-scan-series.header.position.x={number}.5E-6\n"
                             f"force-scan-series.header.position.y=-{number}.0E-6\n")
            for i, points in enumerate(counts):
                if points is None:
                    continue
                folder = f"index/{number}/segments/{i}/"
                archive.writestr(folder + "segment-header.properties",
                                 segment_header(i, points, 0.25 * (i + 1), **header))
                for channel, raw in raw_numbers(number, i, points).items():
                    archive.writestr(f"{folder}channels/{channel}.dat", raw.tobytes())
        archive.writestr("shared-data/header.properties", shared or shared_header(styles))
    return path


def opened(path):
    return to_dataset(jpk.open_curves(path), str(path))


def expected(channel, raw):
    """The SI values by the formulas of the header, one step after the other."""
    multiplier, offset = ENCODERS[channel]
    values = raw * multiplier + offset
    return {"vDeflection": lambda: values, "height": lambda: (values * -1e-6 + 1e-4) * 0.7,
            "measuredHeight": lambda: values + 1e-4}[channel]()


def read_members(path):
    with zipfile.ZipFile(path) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def write_members(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in dict(members).items():
            archive.writestr(name, content)


def joined(data, name, curve):
    values = data[name].values[curve]
    return np.concatenate([values[j, :n] for j, n in enumerate(data["sample_count"].values[curve])])


def record_reads(monkeypatch):
    """A list that grows by the name of every member that is read whole."""
    names = []
    read = zip_archive.Archive.read
    monkeypatch.setattr(zip_archive.Archive, "read",
                        lambda self, stream, name: names.append(name) or read(self, stream, name))
    return names
