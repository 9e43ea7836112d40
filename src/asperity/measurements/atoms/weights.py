"""Files of trained potentials: what they are, what they were trained on, and their weights; never code.

A NumPy archive with a text ``header`` (JSON) and the arrays ``weight_<member>_<number>`` of one or several networks of
one kind, the members of an ensemble, in the order in which `jax.tree_util` walks them. The header has ``network`` (its
class), ``settings``, ``scales``, ``units``, ``members``, ``sha256`` of the arrays, ``reference_energies`` (of a small
cluster, eV, by each member), ``training`` (data, errors, date), and ``calibration``: ``factor``, by which the spread of
members is multiplied for an interval that holds, and what it was found by.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np

from asperity.data import disk, opening
from asperity.data.arguments import shallow
from asperity.data.provenance import plain
from asperity.data.readers._errors import CorruptFile, NotRecognized, Unsupported
from asperity.measurements.atoms.extra import insist_on_extra
from asperity.messages import AsperityError

if TYPE_CHECKING:
    from asperity.atomistic.networks import AbstractNetwork

__all__ = ["FORMAT", "Trained", "network_kinds", "read_potential", "write_potential"]

FORMAT = "asperity potential 1"
_UNITS = {"length": "angstrom", "energy": "eV", "stress": "eV/angstrom^3, tension positive"}
_LARGEST = 2**30  # bytes of a file: 1000 times a large network
_MOST = {"channels": 1024, "radial": 256, "layers": 16, "degree": 8}  # of a network's settings
_MOST_MEMBERS = 256
#: what a damaged archive breaks
_UNREADABLE = (BadZipFile, zlib.error, struct.error, ValueError, EOFError, OSError, RuntimeError, TypeError,
               OverflowError, MemoryError)
_REMEDY = "Give a file that 'asperity atoms train' wrote, as it wrote it."


class Trained(NamedTuple):
    """The potentials of a file."""

    members: tuple[AbstractNetwork, ...]
    about: dict[str, Any]  # the header


def network_kinds() -> dict[str, Any]:
    """The kinds of networks by their names."""
    from asperity.atomistic import networks

    found = {name: getattr(networks, name) for name in networks.__all__}
    return {name: kind for name, kind in found.items() if hasattr(kind, "settings") and not name.startswith("Abstract")}


def write_potential(path: str | PathLike[str], members: Sequence[AbstractNetwork], about: Mapping[str, Any]) -> Path:
    """Write the members of an ensemble, of one kind and the same settings, with what is known ``about`` them.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    from asperity.measurements.atoms.reference_energy import reference_energies

    first, path = members[0], Path(path)
    arrays = {f"weight_{m}_{i}": leaf for m, member in enumerate(members) for i, leaf in enumerate(_leaves(member))}
    header = {"format": FORMAT, "network": type(first).__name__, "settings": first.settings(),
              "scales": plain(first.scales._asdict()), "units": _UNITS, "members": len(members),
              "sha256": _digest(arrays), "reference_energies": reference_energies(members), **plain(dict(about))}
    stream = io.BytesIO()
    np.savez_compressed(stream, header=np.array(json.dumps(header)), allow_pickle=False, **arrays)
    with disk.replacing(path) as temporary:
        temporary.write_bytes(stream.getvalue())
    return path


def read_potential(path: str | PathLike[str]) -> Trained:
    """The potentials of a file.

    Raises:
        ReadError: no such file, none of asperity's potentials, a later format, damaged, or of a network that this
            version computes otherwise.
        MissingExtra: the extra 'atomistic' is not installed.
    """
    insist_on_extra(networks=True)
    path = Path(path)
    whole = opening.read_bytes(path, _LARGEST)
    if whole[:2] != b"PK":
        raise NotRecognized(path, "it is no file of a potential.", _REMEDY)
    try:
        with ZipFile(io.BytesIO(whole)) as archive:
            if sum(one.file_size for one in archive.infolist()) > opening.most_unpacked(len(whole)):
                raise CorruptFile(path, "it unpacks to more than its weights can be.", _REMEDY)
        with np.load(io.BytesIO(whole), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        header = json.loads(str(arrays.pop("header")))
    except KeyError as error:
        raise NotRecognized(path, "it is a NumPy archive, but not of a potential.", _REMEDY) from error
    except _UNREADABLE as error:
        raise CorruptFile(path, f"not a readable file of a potential ({' '.join(str(error).split())}).",
                          _REMEDY) from error
    members = _members(path, header, arrays)
    _same_network(path, members, header)
    return Trained(members, header)


def _same_network(path: Path, members: Sequence[AbstractNetwork], header: Mapping[str, Any]) -> None:
    """Raise Unsupported where the networks give the reference cluster other energies than when they were written."""
    from asperity.measurements.atoms.reference_energy import differs, reference_energies

    if "reference_energies" not in header:
        return  # a file from before they were written
    try:
        written = [float(one) for one in header["reference_energies"]]
    except (TypeError, ValueError) as error:
        raise CorruptFile(path, "its reference energies are no numbers.", _REMEDY) from error
    found = reference_energies(members)
    if differs(found, written):
        first, other = (", ".join(f"{one:.6g}" for one in energies[:4]) for energies in (written, found))
        raise Unsupported(path, f"its networks gave a small cluster {first} eV when they were written, and give it "
                          f"{other} eV here: the same weights are another potential.",
                          "Use the version of asperity and JAX that wrote it, or train again; 'asperity doctor' tells "
                          "whether JAX computes as it should.")


def _members(path: Path, header: Any, arrays: dict[str, np.ndarray]) -> tuple[AbstractNetwork, ...]:
    """The networks that a header and its arrays make."""
    if not isinstance(header, dict) or not shallow(header) or not str(header.get("format", "")).startswith(
            FORMAT[:-1]):
        raise NotRecognized(path, "its header is not that of a potential.", _REMEDY)
    if header["format"] != FORMAT:
        raise Unsupported(path, f"it is of the format '{header['format']}', this version reads '{FORMAT}'.",
                          "Update asperity.")
    if header.get("network") not in network_kinds():
        raise Unsupported(path, f"its network {header.get('network')!r} is not known here: "
                          f"{', '.join(network_kinds())} are.", "Update asperity.")
    if header.get("sha256") != _digest(arrays):
        raise CorruptFile(path, "its weights are not those that were written.", "Copy it again.")
    try:
        template, count = _template(header), int(header["members"])
        if not 1 <= count <= _MOST_MEMBERS:
            raise ValueError(f"members: {count}")
        return tuple(_filled(template, arrays, member) for member in range(count))
    except (AsperityError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CorruptFile(path, f"its weights do not fit its header ({' '.join(str(error).split())[:120]}).",
                          _REMEDY) from error


def _template(header: Mapping[str, Any]) -> Any:
    """The network of a header with shapes in place of its weights."""
    import equinox as eqx
    import jax

    from asperity.atomistic.networks import Scales

    settings = {str(name): int(value) for name, value in header["settings"].items()}
    if wrong := [name for name, value in settings.items() if not 0 <= value <= _MOST.get(name, 16)]:
        raise ValueError(f"{wrong[0]} = {settings[wrong[0]]}")
    own = header["scales"]
    scales = Scales(float(own["cutoff"]), tuple(map(int, own["species"])), tuple(map(float, own["shift"])),
                    float(own["scale"]), float(own["crowd"]))
    kind = network_kinds()[header["network"]]
    return eqx.filter_eval_shape(lambda: kind(scales, jax.random.key(0), **settings))


def _filled(template: Any, arrays: Mapping[str, np.ndarray], member: int) -> Any:
    """The network with its weights."""
    import jax

    shapes, tree = jax.tree.flatten(template)
    leaves = [arrays[f"weight_{member}_{i}"] for i in range(len(shapes))]
    for i, (leaf, shape) in enumerate(zip(leaves, shapes)):
        if leaf.shape != shape.shape or leaf.dtype.kind != "f" or not np.isfinite(leaf).all():
            raise ValueError(f"weight {i} is {leaf.dtype} {leaf.shape}, expected finite numbers {shape.shape}")
    return jax.tree.unflatten(tree, [np.asarray(leaf, shape.dtype) for leaf, shape in zip(leaves, shapes)])


def _leaves(member: Any) -> list[np.ndarray]:
    import jax

    return [np.asarray(leaf) for leaf in jax.tree.leaves(member)]


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    """Of all arrays in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + b"\0" + arrays[name].tobytes())
    return digest.hexdigest()
