"""One of each kind of file that nobody should trust, and what asperity says of it."""

import json
import os
import re
import shutil
import socket
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
import zarr

from asperity.data import store
from tests.data.readers.force_curves.test_afmformats_hdf5 import last_text, make_file

#: name -> what the reason says
KINDS = {
    "pipe": "is not a regular file but a pipe", "pipe.nc": "is not a regular file but a pipe",
    "pipe.zarr": "a pipe|a folder", "pipe.jpk-force": "is not a regular file but a pipe",
    "socket.csv": "is not a regular file but a socket", "zero": "is not a regular file but a device",
    "zero.nc": "is not a regular file but a device", "zero.zarr": "a device|folder", "loop": "symbolic links",
    "loop.nc": "symbolic links|no such file", "nowhere.jpk-force": "No such file",
    "folder.nc": "is not a regular file but a folder", "a\nline.txt": "control characters",
    "esc\u001b[2J.csv": "control characters", "bad\udcff.nc": "no text", "empty.nc": "not a .nc dataset",
    "garbage.nc": "not a .nc dataset", "cut.nc": "not a .nc dataset",
    "external-link.nc": "'force' in it is a link to another file",
    "external-storage.nc": "'/force' in it takes its data from another file",
    "virtual.nc": "'/force' in it takes its data from another file", "filter.nc": "packed by .*32015",
    "huge.nc": "'/force' in it declares 8000000000000 bytes",
    "strings.nc": "'/names' in it declares|takes more than|does not return",
    "hang.h5": "does not return|crashes|not a readable", "huge.zarr": "chunks of more than|declares",
    "link.zarr": "is a link to another place", "pipe-inside.zarr": "is not a regular file but a pipe",
    "codec.zarr": "packed by gzip", "bomb.zarr": "is damaged|takes more than", "empty.zarr": "not a .zarr dataset",
    "bomb.jpk-force": "more than its|declares", "bomb.zip": "unpack to|more than its", "line.csv": "lines of up to",
    "holes.csv": "almost all holes", "declares.npy": "not recognized", "bytes.bin": "not recognized"}


def make_all(folder: Path, truth: xr.Dataset) -> None:
    """Write every kind into a folder; where force curves are needed, they are those of ``truth`` (4, 2, 64)."""
    _special(folder)
    good = store.save(truth, folder / ".good.nc")
    _hdf5(folder, good)
    _zarr(folder, truth)
    _texts(folder)
    good.unlink()


def _special(folder):
    for name in ("pipe", "pipe.nc", "pipe.zarr", "pipe.jpk-force"):
        os.mkfifo(folder / name)
    for name, device in (("zero", "zero"), ("zero.nc", "full"), ("zero.zarr", "urandom")):
        (folder / name).symlink_to(f"/dev/{device}")
    for name in ("loop", "loop.nc"):
        (folder / name).symlink_to(name)
    (folder / "nowhere.jpk-force").symlink_to("is-not-there")
    (folder / "folder.nc").mkdir()
    (folder / "empty.zarr").mkdir()
    here = os.getcwd()
    os.chdir(folder)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind("socket.csv")
    finally:
        os.chdir(here)


def _hdf5(folder, good):
    content = good.read_bytes()
    (folder / "a\nline.txt").write_text("height (nm),force (nN)\n2,0\n1,1\n")
    (folder / "esc\x1b[2J.csv").write_text("height (nm),force (nN)\n2,0\n1,1\n")
    (folder / "bad\udcff.nc").write_bytes(content)
    (folder / "empty.nc").write_bytes(b"")
    (folder / "garbage.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 8)
    (folder / "cut.nc").write_bytes(content[: len(content) // 2])
    for name, change in {"external-link": _linked, "external-storage": _stored_outside, "virtual": _virtual,
                         "filter": _filtered, "huge": _huge, "strings": _strings}.items():
        shutil.copy(good, folder / f"{name}.nc")
        with h5py.File(folder / f"{name}.nc", "a") as file:
            del file["force"]
            change(file, good)
    content = bytearray(make_file(folder / "hang.h5").read_bytes())
    content[last_text(content) + 8] ^= 64  # libhdf5 2.0.0 walks an empty gap of the heap for ever
    (folder / "hang.h5").write_bytes(content)


def _linked(file, good):
    file["force"] = h5py.ExternalLink(str(good), "/force")


def _stored_outside(file, good):
    file.create_dataset("force", (4, 2, 64), "f8", external=[(str(good), 0, 4096)])


def _virtual(file, good):
    layout = h5py.VirtualLayout((4, 2, 64), "f8")
    layout[:] = h5py.VirtualSource(str(good), "force", (4, 2, 64))
    file.create_virtual_dataset("force", layout)


def _filtered(file, good):
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    created.set_chunk((4, 2, 64))
    created.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))  # zstd, which the library would look for as a plug-in
    h5py.h5d.create(file.id, b"force", h5py.h5t.IEEE_F64LE, h5py.h5s.create_simple((4, 2, 64)), created)


def _huge(file, good):
    file.create_dataset("force", (10**6, 2, 500_000), "f8", chunks=(1, 2, 4096))


def _strings(file, good):
    """Every element of an array is the same text in the file, of 4 MB: 400 MB in memory."""
    names = file.create_dataset("names", (100,), h5py.string_dtype(), chunks=(100,))
    names[0] = "x" * 2**22
    raw = names.id.read_direct_chunk((0,))[1]
    names.id.write_direct_chunk((0,), raw[:16] * 100)


def _zarr(folder, truth):
    for name in ("huge", "link", "pipe-inside", "codec", "bomb"):
        store.save(truth, folder / f"{name}.zarr")
    force = "force/c/0/0/0"
    (folder / "link.zarr" / force).unlink()
    (folder / "link.zarr" / force).symlink_to("/dev/zero")
    (folder / "pipe-inside.zarr" / force).unlink()
    os.mkfifo(folder / "pipe-inside.zarr" / force)
    (folder / "bomb.zarr" / force).write_bytes(_zstd_of_zeros(2**31))
    zarr.create_array(folder / "codec.zarr", name="more", shape=(4,), dtype="f8", compressors=zarr.codecs.GzipCodec())
    description = folder / "huge.zarr" / "force" / "zarr.json"
    declared = json.loads(description.read_text())
    declared["shape"][0] = 4 * 10**9
    description.write_text(json.dumps(declared))


def _zstd_of_zeros(size):
    """A frame (RFC 8878) that declares its size, of blocks that repeat one byte 128 Ki times."""
    block, last = (2**17 << 3 | 0b010).to_bytes(3, "little") + b"\0", (2**17 << 3 | 0b011).to_bytes(3, "little") + b"\0"
    return b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", size) + block * (size // 2**17 - 1) + last


def _texts(folder):
    header = "segments/0/segment-header.properties"
    _archive(folder / "bomb.jpk-force", {"header.properties": b"", header: bytes(2**27 + 1)})
    _archive(folder / "bomb.zip", {f"{i}.csv": b"Force-Distance Curve\n" for i in range(4)})
    content = bytearray((folder / "bomb.zip").read_bytes())
    for entry in re.finditer(b"PK\1\2", bytes(content)):  # each of the directory declares 100 MB
        content[entry.start() + 24 : entry.start() + 28] = struct.pack("<I", 100 * 2**20)
    (folder / "bomb.zip").write_bytes(content)
    (folder / "line.csv").write_bytes(b"height (nm),force (nN)\n" + b"1," * 2**23 + b"\n")
    with open(folder / "holes.csv", "wb") as stream:
        stream.write(b"height (nm),force (nN)\n2,0\n1,1\n")
        stream.truncate(10**12)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000, 100000), }".ljust(117) + b"\n"
    (folder / "declares.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    (folder / "bytes.bin").write_bytes(np.random.default_rng(0).bytes(5000))


def _archive(path, content):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
