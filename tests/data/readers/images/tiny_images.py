"""One small image file of every format, written from the format's description, and what is in it."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

ROWS, COLUMNS = 6, 5
PITCH = 1e-8  # m
X, Y = 2e-6, -1e-6  # m, center of the scan


def surface(seed: int) -> np.ndarray:
    """A map without any symmetry, row 0 the lowest line, in units of about one."""
    return np.random.default_rng([seed, 40]).normal(size=(ROWS, COLUMNS)).round(4)


def integers(seed: int, bits: int = 16) -> np.ndarray:
    return np.random.default_rng([seed, 41]).integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (ROWS, COLUMNS))


def nanoscope(path: Path, bits: int = 16) -> dict[str, np.ndarray]:
    """Sensor height forward, drive height backward and amplitude error; the soft scale is not the hard one."""
    channels = (("ZSensor", "Height Sensor", "Trace", "V [Sens. ZsensSens] (0.000375 V/LSB) 2.5 V"),
                ("Height", "Height", "Retrace", "V [Sens. Zsens] (0.005 V/LSB) 100 V"),
                ("AmplitudeError", "Amplitude Error", "Trace", "V [Sens. Amplitude Error] (0.0457 mV/LSB) 3000 mV"),
                ("Phase", "Phase", "Trace", "V [Sens. Phase] (0.0055 \xba/LSB) 360 \xba"))
    head = ["\\*File list", "\\Version: 0x09010201", "\\Date: 01:33:51 PM Mon Dec 15 2014", "\\*Scanner list",
            "\\Serial Number: 1", "\\@Sens. Zsens: V 20 nm/V", "\\*Ciao scan list", "\\X Offset: 2000 nm",
            "\\Y Offset: -1000 nm", "\\Scan Rate: 2", "\\@Sens. ZsensSens: V 400 nm/V",
            "\\@Sens. Amplitude Error: V 1.0 ", "\\@Sens. Phase: V 1.0 "]
    size = ROWS * COLUMNS * bits // 8
    for i, (short, name, direction, scale) in enumerate(channels):
        head += ["\\*Ciao image list", f"\\Data offset: {2048 + i * size}", f"\\Data length: {size}",
                 "\\Bytes/pixel: 2", "\\Frame direction: Up", f"\\Samps/line: {COLUMNS}",
                 f"\\Number of lines: {ROWS}", "\\Aspect Ratio: 1:1",
                 f"\\Scan Size: {COLUMNS * PITCH * 1e9:g} {ROWS * PITCH * 1e9:g} nm", "\\Scan Line: Main",
                 f"\\Line Direction: {direction}", f'\\@2:Image Data: S [{short}] "{name}"', f"\\@2:Z scale: {scale}"]
    text = "\r\n".join([*head, "\\*File list end", "\x1a"]).encode("latin-1")
    words = [integers(i, bits) for i in range(4)]
    path.write_bytes(text.ljust(2048, b"\0") + b"".join(w.astype(f"<i{bits // 8}").tobytes() for w in words))
    part = [w / 2**bits for w in words]
    return {"height": part[0] * 2.5 * 400e-9, "height_drive_retrace": part[1] * 100 * 20e-9,
            "amplitude_error": part[2] * 3.0, "phase": part[3] * np.radians(360)}


def picoview(path: Path, bits: int = 32) -> dict[str, np.ndarray]:
    pairs = [("fileType", "Image"), ("version", "PicoView"), ("dateAcquired", "Tue Feb 18 15:00:51 2014"),
             ("mode", "Contact AFM"), ("zSensitivity", "1.35e-8"), ("xPixels", COLUMNS), ("yPixels", ROWS),
             ("xOffset", X), ("yOffset", Y), ("xLength", COLUMNS * PITCH), ("yLength", ROWS * PITCH),
             ("scanUp", "TRUE"), ("scanSpeed", "2.0"),
             ("bufferLabel", "Topography"), ("direction", "Trace"), ("bufferRange", "2.5"), ("bufferUnit", "um"),
             ("bufferLabel", "Friction"), ("direction", "Retrace"), ("bufferRange", "10"), ("bufferUnit", "V"),
             ("data", "BINARY_32" if bits == 32 else "BINARY")]
    words = [integers(i, bits) for i in range(2)]
    text = "".join(f"{key:<14}{value}\n" for key, value in pairs).encode()
    path.write_bytes(text + b"".join(w.astype(f"<i{bits // 8}").tobytes() for w in words))
    part = [w / 2 ** (bits - 1) for w in words]
    return {"height": part[0] * 2.5e-6, "friction_voltage_retrace": part[1] * 10}


def igor(path: Path) -> dict[str, np.ndarray]:
    names = ("", "HeightTrace", "HeightRetrace", "ZSensorTrace", "PhaseTrace", "NapPotentialRetrace")
    maps = [(surface(i) * scale).astype("<f4") for i, scale in enumerate((1e-8, 1e-8, 1e-8, 90.0, 0.1))]
    maps[3][0] = np.nan  # a line that was not scanned
    data = b"".join(m.tobytes() for m in maps)
    note = f"ScanRate: 2\rXOffset: {X}\rYOffset: {Y}\rScanAngle: 90\rDate: 2019-10-24\r".encode()
    labels = b"".join(name.encode().ljust(32, b"\0") for name in names)
    wave = struct.pack("<12xih50x4i4d", ROWS * COLUMNS * 5, 2, COLUMNS, ROWS, 5, 0, PITCH, PITCH, 1, 1)
    wave = wave.ljust(320, b"\0")
    head = struct.pack("<hhiiii4i4ii8x", 5, 0, 320 + len(data), 0, len(note), 0, *[0] * 6, len(labels), 0, 0)
    total = sum(struct.unpack("<192h", head + wave)) & 0xFFFF
    path.write_bytes(head[:2] + struct.pack("<H", -total & 0xFFFF) + head[4:] + wave + data + note + labels)
    found = [m.astype(float) for m in maps]
    return {"height_drive": found[0], "height_drive_retrace": found[1], "height": found[2],
            "phase": np.radians(found[3]), "potential_second_pass_retrace": found[4]}


def nanosurf(path: Path) -> dict[str, np.ndarray]:
    groups = [("Scan forward", "Z-Axis", "m", 1e-6), ("Scan forward", "Z-Axis Sensor", "m", 2e-6),
              ("Scan backward", "Z-Axis", "m", 1e-6), ("Scan backward", "Phase", "\xb0", 360)]
    text = ["[DataSet]", "Version=2", "GroupCount=2", "Gr0-Name=Scan forward", "Gr0-Count=2", "Gr1-Name=Scan backward",
            "Gr1-Count=2"]
    text += [f"Gr{i // 2}-Ch{i % 2}=DataSet-{i // 2}:{i % 2}" for i in range(4)]
    text += ["[DataSet-Info]", "Scan direction=Down", "Date=28-11-2016", "Time=17:04:03",
             "[DataSet\\Parameters\\Imaging]", f"ScanOffset=V[{X},{Y},0]*[m,m,m]", "ScanTime=V[0.25,0.25,0]*[s,s,s]"]
    for i, (_, name, unit, span) in enumerate(groups):
        text += [f"[DataSet-{i // 2}:{i % 2}]", f"Points={COLUMNS}", f"Lines={ROWS}",
                 f"Dim0Range={COLUMNS * PITCH!r}", f"Dim1Range={ROWS * PITCH!r}", f"Dim2Name={name}",
                 f"Dim2Unit={unit}", f"Dim2Range={span}", f"Dim2Min={-span / 2}", "SaveMode=Binary", "SaveBits=32",
                 "SaveSign=Signed", "SaveOrder=Intel"]
    words = [integers(i, 32) for i in range(4)]
    path.write_bytes("\r\n".join([*text, "", "#!"]).encode() + b"".join(w.astype("<i4").tobytes() for w in words))
    part = [w / 2**32 * span for w, (*_, span) in zip(words, groups)]
    return {"height_drive": part[0], "height": part[1], "height_drive_retrace": part[2],
            "phase_retrace": np.radians(part[3])}


def jpk(path: Path) -> dict[str, np.ndarray]:
    """A thumbnail page with the grid, and two channels: one with a scale of two units, one with an invalid pixel."""
    words = [integers(i, 32) for i in range(2)]
    words[1][2, 3] = 2**31 - 1
    grid = {0x100: ("I", 2), 0x101: ("I", 2), 0x8000: ("s", b"6.1\0"), 0x8003: ("s", b"2020-02-07 16:29:05 CET\0"),
            0x8016: ("s", b"jpk-fingerprint\0"), 0x8040: ("d", X - COLUMNS * PITCH / 2),
            0x8041: ("d", Y - ROWS * PITCH / 2), 0x8042: ("d", COLUMNS * PITCH), 0x8043: ("d", ROWS * PITCH),
            0x8044: ("d", 0.0), 0x8045: ("h", 0), 0x8046: ("i", COLUMNS), 0x8047: ("i", ROWS)}
    pages = [grid]
    for name, retrace, unit, factor in ((b"measuredHeight\0", 0, b"m\0", 1e-15), (b"vDeflection\0", 1, b"N\0", 1e-18)):
        pages.append({0x100: ("I", COLUMNS), 0x101: ("I", ROWS), 0x102: ("H", 32), 0x103: ("H", 1), 0x111: ("I", 0),
                      0x117: ("I", 4 * ROWS * COLUMNS), 0x8050: ("s", name), 0x8051: ("h", retrace), 0x8080: ("i", 2),
                      0x8081: ("s", b"nominal\0"), 0x8090: ("s", b"raw\0"), 0x80A3: ("s", b"NullScaling\0"),
                      0x80C0: ("s", b"nominal\0"), 0x80D2: ("s", unit), 0x80D3: ("s", b"LinearScaling\0"),
                      0x80D4: ("d", factor), 0x80D5: ("d", 3e-7), 0x80DA: ("i", 2**31 - 1)})
    path.write_bytes(_tiff(pages, [b"", *(w.astype("<i4").tobytes() for w in words)]))
    force = np.where(words[1] == 2**31 - 1, np.nan, words[1] * 1e-18 + 3e-7)
    return {"height": words[0] * 1e-15 + 3e-7, "force_retrace": force}


def _tiff(pages, data) -> bytes:
    kinds = {"s": 2, "H": 3, "I": 4, "h": 8, "i": 9, "d": 12}
    out, link = bytearray(b"II*\0" + struct.pack("<I", 8)), 4
    for tags, strip in zip(pages, data):
        start = len(out)
        out[link : link + 4] = struct.pack("<I", start)
        link = start + 2 + 12 * len(tags)
        entries, heap, behind = b"", b"", link + 4
        for tag, (kind, value) in sorted(tags.items()):
            raw = value if kind == "s" else struct.pack("<" + kind, value)
            count = len(raw) if kind == "s" else 1
            if len(raw) > 4:
                entries += struct.pack("<HHII", tag, kinds[kind], count, behind + len(heap))
                heap += raw
            else:
                entries += struct.pack("<HHI", tag, kinds[kind], count) + raw.ljust(4, b"\0")
        page = bytearray(struct.pack("<H", len(tags)) + entries + b"\0" * 4 + heap)
        if 0x111 in tags:  # the strip follows the page
            at = 2 + 12 * sorted(tags).index(0x111) + 8
            page[at : at + 4] = struct.pack("<I", start + len(page))
        out += page + strip
    return bytes(out)


def gwyddion(path: Path) -> dict[str, np.ndarray]:
    """Forward and backward, and a crop of another size that is left out; the top line comes first."""
    def text(value):
        return value.encode() + b"\0"

    def packed(name, items):
        body = b"".join(text(key) + kind.encode() + raw for key, kind, raw in items)
        return text(name) + struct.pack("<I", len(body)) + body

    def unit(value):
        return packed("GwySIUnit", [("unitstr", "s", text(value))])

    def field(z, value_unit):
        rows, columns = z.shape
        return packed("GwyDataField", [
            ("xres", "i", struct.pack("<i", columns)), ("yres", "i", struct.pack("<i", rows)),
            ("xreal", "d", struct.pack("<d", columns * PITCH)), ("yreal", "d", struct.pack("<d", rows * PITCH)),
            ("xoff", "d", struct.pack("<d", X - columns * PITCH / 2)),
            ("yoff", "d", struct.pack("<d", -Y - rows * PITCH / 2)), ("si_unit_xy", "o", unit("m")),
            ("si_unit_z", "o", unit(value_unit)),
            ("data", "D", struct.pack("<I", z.size) + z[::-1].astype("<f8").tobytes())])

    z = [surface(i) * 1e-8 for i in range(3)]
    items = []
    for i, (title, values, value_unit) in enumerate((("Height (Trace)", z[0], "m"), ("Height [bwd]", z[1], "m"),
                                                     ("Adhesion", z[2], "N"), ("Crop", z[0][:3, :3], "m"))):
        items += [(f"/{i}/data", "o", field(values, value_unit)), (f"/{i}/data/title", "s", text(title))]
    items += [("/0/base/min", "d", struct.pack("<d", 0.0)), ("/filename", "s", text("x")), ("/0/show", "b", b"\1")]
    path.write_bytes(b"GWYP" + packed("GwyContainer", items))
    return {"height": z[0], "height_retrace": z[1], "pull_off_force": z[2]}


def nanonis(path: Path, direction: str = "down") -> dict[str, np.ndarray]:
    """Z forward and backward, current forward; lines in the order of the scan, backward lines from right to left."""
    text = [":NANONIS_VERSION:", "2", ":SCANIT_TYPE:", "              FLOAT            MSBFIRST", ":REC_DATE:",
            " 12.03.2021", ":REC_TIME:", "10:11:12", ":SCAN_PIXELS:", f"       {COLUMNS}       {ROWS}", ":SCAN_TIME:",
            "   2.5E-1   2.5E-1", ":SCAN_RANGE:", f"   {COLUMNS * PITCH:E}   {ROWS * PITCH:E}", ":SCAN_OFFSET:",
            f"   {X:E}   {Y:E}", ":SCAN_ANGLE:", "  3.000E+1", ":SCAN_DIR:", direction, ":DATA_INFO:",
            "\tChannel\tName\tUnit\tDirection\tCalibration\tOffset", "\t14\tZ\tm\tboth\t1E-9\t0",
            "\t0\tCurrent\tA\tforward\t1\t0", "", ":SCANIT_END:", "", ""]
    z = [(surface(i) * 1e-8).astype(">f4") for i in range(3)]
    turn = slice(None, None, -1 if direction == "down" else 1)
    maps = [z[0][turn], z[1][turn, ::-1], z[2][turn]]
    path.write_bytes("\n".join(text).encode() + b"\x1a\x04" + b"".join(m.tobytes() for m in maps))
    return {"height": z[0].astype(float), "height_retrace": z[1].astype(float), "current": z[2].astype(float)}


def matrix(path: Path) -> dict[str, np.ndarray]:
    """What Gwyddion exports: the top line first, size and unit in the header."""
    z = surface(0)
    lines = ["# Channel: Topography", f"# Width: {COLUMNS * PITCH * 1e6:g} µm", f"# Height: {ROWS * PITCH * 1e6:g} µm",
             "# Value units: nm", *("\t".join(f"{v:.4f}" for v in row) for row in z[::-1]), ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    return {"height": z * 1e-9}


WRITERS = {"nanoscope": (nanoscope, ".spm"), "picoview": (picoview, ".mi"), "igor": (igor, ".ibw"),
           "nanosurf": (nanosurf, ".nid"), "jpk": (jpk, ".jpk"), "gwyddion": (gwyddion, ".gwy"),
           "nanonis": (nanonis, ".sxm"), "matrix": (matrix, ".txt")}


def tiny_image(name: str, folder: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """The file of a format in ``folder``, and its channels in SI by variable."""
    writer, ending = WRITERS[name]
    path = folder / f"tiny_{name}{ending}"
    return path, writer(path)
