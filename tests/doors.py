"""The doors through which files come in, for `tests.fuzz`: what to damage, how, and what to try with it.

Each door has its sources (small files), the damages that suit them, a way to lay a damaged one down, and a trial
that ends in an outcome or in one of the errors that are meant for people. Whatever else it raises is a defect.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import inspect
import io
import json
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

NONSENSE = (None, True, -1, 0, 1e308, float("nan"), float("inf"), 2**70, "", "x" * 5000, "/dev/zero", "out", "analyze",
            "../../etc/passwd", "\n\x00\x1b[31m", [], {}, [[[[[[[[[[[[[[]]]]]]]]]]]]]], ["a"] * 50,
            {"out": "/tmp", "restart": True})
#: of HDF5: where headers, trees, heaps and global heaps begin
HDF5_MARKS = re.compile(rb"\x89HDF|OHDR|OCHK|TREE|HEAP|SNOD|GCOL|FRHP|FHDB|FHIB|BTHD|BTLF|FSHD|FADB|FAHD|EAHD")


class Door(NamedTuple):
    """One kind of file."""

    sources: Callable[[Path], list[Path]]
    damages: tuple[Callable, ...]
    place: Callable[[Path, bytes, str], Path]  # (empty folder, content, suffix) -> the path to try
    trial: Callable[[Path, bool, Path], str]  # (path, whether a checksum tells, source) -> outcome
    #: damages after which a checksum that is there must tell; others write it anew
    checked: frozenset[str] = frozenset()


# ---------------------------------------------------------------- damages: (rng, content, others) -> content

def edit_json(rng, content, others):
    """One or two nodes of a JSON text replaced by nonsense, dropped, doubled or renamed."""
    try:
        tree = json.loads(content)
    except ValueError:
        return content[: len(content) // 2]
    for _ in range(int(rng.integers(1, 3))):
        holder, key = _node(rng, tree)
        if holder is None:
            return json.dumps(NONSENSE[int(rng.integers(len(NONSENSE)))]).encode()
        kind = int(rng.integers(6))
        if kind < 3:
            holder[key] = copy.deepcopy(NONSENSE[int(rng.integers(len(NONSENSE)))])  # a second edit may change it
        elif kind == 3:
            del holder[key]
        elif isinstance(holder, dict):
            holder[str(NONSENSE[int(rng.integers(len(NONSENSE)))])[:40]] = holder.pop(key)
        else:
            holder.extend([holder[key]] * int(rng.choice([1, 3, 2000])))
    return json.dumps(tree).encode()


def _node(rng, tree):
    """A random place in a tree: the list or mapping that holds it, and its key there."""
    holder, key = None, None
    while isinstance(tree, list | dict) and tree and (holder is None or rng.random() < 0.8):
        keys = list(tree) if isinstance(tree, dict) else range(len(tree))
        holder, key = tree, list(keys)[int(rng.integers(len(keys)))]
        tree = holder[key]
    return holder, key


def edit_text(rng, content, others):
    """Structure of a TOML or CSV text: marks, quotes, keys, lines put in, doubled, taken out."""
    lines = content.split(b"\n")
    for _ in range(int(rng.integers(1, 4))):
        at, kind = int(rng.integers(len(lines))), int(rng.integers(6))
        words = (b"[[step]]", b"[", b"]", b'"', b"'''", b"=", b"a.b.c.d", b"{", b",", b"\xff\xfe", b"\t", b";", b"nan",
                 b"1979-05-27", b"out = 'x'", b"1e999", b"(Pa)", b"time (s)", b"#")
        word = words[int(rng.integers(len(words)))]
        place = int(rng.integers(len(lines[at]) + 1))
        if kind < 3:
            lines[at] = lines[at][:place] + word * int(rng.choice([1, 1, 1, 2000])) + lines[at][place:]
        elif kind == 3:
            lines[at:at] = [word] * int(rng.choice([1, 3, 3000]))
        elif kind == 4:
            lines[at:at] = lines[: int(rng.integers(len(lines) + 1))]
        elif len(lines) > 1:
            del lines[at]
    return b"\n".join(lines)


def damage_structure(rng, content, others):
    """Bytes behind the marks of HDF5 overwritten by random, huge or no numbers."""
    marks = [match.start() for match in HDF5_MARKS.finditer(content)]
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        at = marks[int(rng.integers(len(marks)))] + int(rng.integers(4, 200)) if marks else 0
        width = int(rng.choice([1, 2, 4, 8]))
        values = (rng.bytes(width), b"\xff" * width, b"\0" * width, struct.pack("<Q", 2**40)[:width],
                  struct.pack("<Q", int(rng.integers(len(content) + 1)))[:width])
        damaged[at : at + width] = values[int(rng.integers(len(values)))]
    return bytes(damaged)


def damage_text_inside(rng, content, others):
    """Numbers and words of a JSON text inside a binary file replaced by others of the same length."""
    found = list(re.finditer(rb'"[a-z_0-9.]{2,}"|\d{3,}', content))
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        if found:
            start, stop = found[int(rng.integers(len(found)))].span()
            damaged[start:stop] = bytes(rng.choice(list(b'"[]{}9e-,:\\\x00\xffz'), stop - start).astype(np.uint8))
    return bytes(damaged)


def damage_folder_member(rng, content, others):
    """A file of a packed folder damaged: its JSON as JSON, the rest as bytes; or lost, or moved onto another."""
    from tests import fuzz

    members = fuzz._unpacked(content)  # by this program, so always whole
    for _ in range(int(rng.integers(1, 3))):
        names = [name for name in members if name.endswith(".json")] if rng.random() < 0.6 else list(members)
        name, kind = names[int(rng.integers(len(names)))], int(rng.integers(8))
        if kind == 0:
            del members[name]
        elif kind == 1:
            members[name] = members[list(members)[int(rng.integers(len(members)))]]
        elif name.endswith(".json") and kind < 7:
            members[name] = edit_json(rng, members[name], others)
        else:
            raw = (fuzz.flip_bits, fuzz.truncate, fuzz.zero_block, fuzz.repeat_block)[int(rng.integers(4))]
            members[name] = raw(rng, members[name], others)
        if len(members) < 2:
            break
    return fuzz._packed(members)


def forge_chunk(rng, content, others):
    """The JSON header of a chunk edited, or an array lost, and the whole packed and signed again."""
    try:
        with np.load(io.BytesIO(content)) as archive:
            arrays = dict(archive)
    except Exception:  # another damage was there before
        return content[: len(content) // 2]
    if "header" in arrays:  # an edit before may have lost it
        arrays["header"] = np.array(edit_json(rng, str(arrays["header"]).encode(), others).decode())
    if arrays and rng.random() < 0.3:
        del arrays[list(arrays)[int(rng.integers(len(arrays)))]]
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, **arrays)
    with zipfile.ZipFile(packed, "a") as archive:
        archive.comment = b"0" * 64
    body = packed.getvalue()[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


# ---------------------------------------------------------------- sources

def _stores(folder):
    """A stored map, results of an analysis, a calibration."""
    from asperity.data import store
    from tests.measurements.force_curves.page.examples import map_results

    results = map_results(2, 2, points=8).assign_attrs(history=json.dumps(_steps(folder)))
    return {"map": _small_map(), "results": results,
            "calibration": store.xr.Dataset({"spring_constant": ((), 0.1), "spring_constant_std": ((), 0.01)},
                                            attrs={"calibration": "spring_constant"})}


@functools.cache
def _small_map():
    from asperity.virtual.force_map import virtual_map

    return virtual_map(rows=2, columns=2, samples=32)


#: how a store of another program is named here: it has no checksum that could tell a change
UNSEALED = "foreign"


def _netcdf(folder):
    from asperity.data import store

    stores = _stores(folder)
    foreign = [folder / f"{UNSEALED}_{name}.nc" for name in stores]
    for path, dataset in zip(foreign, stores.values()):
        dataset.to_netcdf(path, engine="h5netcdf")
    return [*(store.save(dataset, folder / f"{name}.nc") for name, dataset in stores.items()), *foreign]


def _zarr(folder):
    from asperity.data import store
    from tests import fuzz

    packed = []
    for name, dataset in _stores(folder).items():
        place = store.save(dataset, folder / f"{name}.zarr")
        files = [file for file in sorted(place.rglob("*")) if file.is_file()]
        members = {str(file.relative_to(place)): file.read_bytes() for file in files}
        packed.append(folder / f"{name}.zip")
        packed[-1].write_bytes(fuzz._packed(members))
    return packed


#: what the damaged job is, and the chunk that it has
JOB = {"paths": ["a.nc"], "batch": 512, "model": {"name": "hertz", "radius": 1e-6}, "version": "1",
       "inputs": [{"file": "a", "bytes": 3}]}


@functools.cache
def _truth():
    """The results of the only chunk of the job."""
    from tests.measurements.force_curves.page.examples import map_results

    return map_results(2, 2, points=8).drop_attrs()


def _run_job(folder):
    """The job in ``folder``, begun or gone on with; what its chunk holds then."""
    from asperity.data import jobs

    with jobs.run(JOB, [4], lambda number: _truth(), folder=folder) as chunks:
        return chunks[0]


def _kept(name):
    """The sources of a door into a job: one file of its folder, with the others beside it."""
    def files(folder):
        _run_job(folder / "job")
        return [folder / "job/chunks" / name]

    return files


def _steps(folder):
    """A history with a file that is there, and steps of many verbs."""
    from asperity.data import provenance

    folder.mkdir(exist_ok=True)
    table = folder / "curve.csv"
    table.write_text("time (s),height (um),force (nN),segment\n" + "\n".join(
        f"{i * 0.1},{i * 0.1},{max(i - 20, 0)},approach" for i in range(40)))
    record = provenance.file_record(table)
    tip = {"kind": "tip", "file": "t.nc", "radius": 1e-6, "tip": {"height": [[0.0, -1e-9]], "pitch": 1e-9}}
    return [provenance.step("read", {"paths": [str(table)], "spring_constant": 0.1}, inputs=[record]),
            provenance.step("correct.curves", {"calibration": [tip], "sensitivity": 40e-9}),
            provenance.step("fit", {"model": {"name": "hertz", "radius": 1e-6}, "segment": "approach", "batch": 512}),
            provenance.step("select", {"instrument": {"thickness": 1.0}, "tolerance": {"modulus": 0.1}})]


def _histories(folder):
    return [_written(folder / "history.json", json.dumps(_steps(folder)).encode())]


def _recipes(folder):
    from asperity.data import provenance

    steps = _steps(folder)[:3]
    steps[2]["arguments"] |= {"radius_std": 0.1}
    return [_written(folder / "recipe.toml", provenance.write_recipe(steps).encode())]


def _thermal(folder):
    from tests.data.readers.thermal_spectra.test_thermal_files import nid, tnd

    return [tnd(folder / "a.tnd"), nid(folder / "a.nid")]


def _images(folder):
    from tests.data.readers.images.tiny_images import WRITERS, tiny_image

    return [tiny_image(name, folder)[0] for name in WRITERS]


def _tables(folder):
    rows = [(10.0**i, 1e3 * (i + 3), 50.0 + i) for i in range(-2, 5)]
    spectrum = "\n".join(f"{f},{a},{b}" for f, a, b in rows)
    relaxation = "\n".join(f"{f}\t{a}\t{b}" for f, a, b in rows)
    angular = f"omega [rad/s]; G' [kPa]; G'' [kPa]\n{spectrum}\n".replace(",", ";")
    return [_written(folder / "spectrum.csv", f"f (Hz),E' (Pa),E'' (Pa)\n{spectrum}\n".encode()),
            _written(folder / "angular.txt", angular.encode()),
            _written(folder / "relaxation.tsv", f"time\trelaxation_modulus\tb\ns\tPa\tPa\n{relaxation}\n".encode())]


def _curves(folder):
    from tests import fuzz

    return fuzz.sources(folder)


def _written(path, content):
    path.write_bytes(content)
    return path


# ---------------------------------------------------------------- laying down

def _file(folder, content, suffix):
    return _written(folder / f"case{suffix}", content)


def _folder(folder, content, suffix):
    place = folder / "case.zarr"
    place.mkdir()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(archive.read(name))
    return place


def _into_job(name):
    """Lay one file down in the folder of a job that is whole otherwise."""
    def place(folder, content, suffix):
        _run_job(folder)
        return _written(folder / "chunks" / name, content)

    return place


# ---------------------------------------------------------------- trials

def meant_for_people(error: Exception) -> bool:
    """Whether an error is one that says by itself what is wrong; then it must do so in few words."""
    from asperity.messages import AsperityError

    if not isinstance(error, AsperityError):
        return False
    assert 10 < len(str(error)) < 3000, f"a message of {len(str(error))} characters"
    return True


@functools.cache
def _stored(source):
    """What a whole store holds."""
    from asperity.data import store

    return store.load(source)


def _try_store(path, checked, source):
    from asperity.data import curve_files, provenance, store

    def loaded():
        found = store.load(path)
        if checked and not source.name.startswith(UNSEALED):
            assert found.identical(_stored(source)), "silent change of a store"

    outcomes = []
    for reading in (lambda: curve_files.open_file(path).load(), lambda: provenance.history(store.load(path)), loaded):
        try:
            reading()
            outcomes.append("read")
        except Exception as error:
            if not meant_for_people(error):
                raise
            outcomes.append("refused")
    return "read" if outcomes[-1] == "read" else "refused"


def _try_job(path, checked, source):
    found = _run_job(path.parent.parent)
    assert not checked or found.identical(_truth()), "silent change of what a job gives"
    return "read"


@functools.cache
def _pretended():
    """The verbs with their signatures: reading and correcting run, the others return what they get."""
    from asperity.measurements.replay import VERBS

    def pretend(verb):
        @functools.wraps(verb)
        def call(*args, **kwargs):
            bound = inspect.signature(verb).bind(*args, **kwargs)
            return next(iter(bound.arguments.values()))

        return call

    return {name: verb if name in ("read", "correct.curves") else pretend(verb) for name, verb in VERBS.items()}


def _try_history(path, checked, source):
    import xarray as xr

    from asperity.data import provenance

    dataset = xr.Dataset(attrs={"history": path.read_bytes().decode("utf-8", "replace")})
    outcomes: list[str] = []
    for reading in (lambda: _recipe_again(path, provenance.write_recipe(provenance.history(dataset))),
                    lambda: provenance.replay(dataset, _pretended())):
        try:
            reading()
            outcomes.append("read")
        except Exception as error:
            if not meant_for_people(error):
                raise
            lines = str(error).split(" cannot be run again: ")[0].count("\n")
            outcomes.append("refused" if not lines else f"a message of {lines + 1} lines")
    return outcomes[-1]


def _recipe_again(path, text):
    from asperity.data import provenance

    provenance.read_recipe(_written(path.with_suffix(".toml"), text.encode()))


def _try_recipe(path, checked, source):
    from asperity.measurements.force_curves.recipe import from_recipe

    assert not set(from_recipe(path)) & {"out", "restart", "progress", "paths"}, "a recipe said where to write"
    return "read"


def _try_thermal(path, checked, source):
    from asperity.data.readers.thermal_spectra import open_spectrum

    open_spectrum(path).load()
    return "read"


def _try_image(path, checked, source):
    from asperity.data.images import open_images

    open_images(path, pitch=1e-9, unit="nm").load()
    return "read"


def _try_table(path, checked, source):
    from asperity.data.readers.rheology_table import read_table

    found = read_table(path)
    assert all(np.isfinite(found[name].values).all() for name in found.coords), "an axis that is not finite"
    return "read"


def _try_curves(path, checked, source):
    from tests import fuzz

    return fuzz.exercise(path)


def doors() -> dict[str, Door]:
    """Name -> door."""
    from tests.fuzz import DAMAGES, declare, flip_bits, truncate, zero_block

    raw = (truncate, flip_bits, zero_block)
    binary = (*DAMAGES, damage_structure, damage_structure, damage_structure, damage_text_inside, damage_text_inside)
    text = (*DAMAGES, edit_text, edit_text, edit_text, edit_text)
    named = frozenset(damage.__name__ for damage in raw)
    tree = (edit_json, edit_json, edit_json, edit_json, edit_json, declare, *DAMAGES)
    return {
        "curves": Door(_curves, (), _file, _try_curves),
        "nc": Door(_netcdf, binary, _file, _try_store, frozenset(damage.__name__ for damage in binary)),
        "zarr": Door(_zarr, (damage_folder_member,), _folder, _try_store),
        "chunk": Door(_kept("chunk-000000.npz"), (*raw, *raw, forge_chunk, forge_chunk),
                      _into_job("chunk-000000.npz"), _try_job, named),
        "job": Door(_kept("job.json"), tree, _into_job("job.json"), _try_job,
                    frozenset(damage.__name__ for damage in tree)),
        "history": Door(_histories, tree, _file, _try_history),
        "recipe": Door(_recipes, text, _file, _try_recipe),
        "thermal": Door(_thermal, text, _file, _try_thermal),
        "image": Door(_images, binary, _file, _try_image),
        "table": Door(_tables, text, _file, _try_table),
    }
