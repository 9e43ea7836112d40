"""A training that survives the end of its process: what it is of, and the state of each member, each file whole."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from asperity.data import disk, opening
from asperity.data.disk import StoreError
from asperity.data.readers._errors import ReadError
from asperity.messages import quoted

__all__ = ["Checkpoints"]

_log = logging.getLogger("asperity")
_EVERY = 20.0  # s between two states that are kept
_LARGEST = 2**30  # bytes of a state
_TEXT = 60  # characters of a setting that a message repeats


class Checkpoints:
    """The folder of one training."""

    def __init__(self, folder: Path, job: Mapping[str, Any], *, restart: bool = False) -> None:
        """Find or begin the work of this ``job``, a table of JSON values.

        Raises:
            StoreError: the folder holds the work of another training, which the message tells apart, or the disk
                refuses.
        """
        self.folder, self.kept = folder, 0.0
        with disk.told(folder):
            folder.mkdir(parents=True, exist_ok=True)
            disk.sweep(folder)
            found = disk.table(folder / "job.json")
            if restart or not found:
                for file in folder.glob("member-*.npz"):
                    file.unlink()
                found = {}
        wanted = json.loads(json.dumps(job))
        if found and (other := [name for name in sorted({*found, *wanted} - {"epochs"}) if found.get(name) !=
                                wanted.get(name)]):
            details = "; ".join(f"{name}: {_short(found.get(name))} there, {_short(wanted.get(name))} now"
                                for name in other)
            raise StoreError(f"{folder} holds the work of another training ({details}). Give another --out, or "
                             "--restart to throw that work away.")
        self.job = found or wanted
        self.resumed = bool(found)

    def settle(self, epochs: int) -> int:
        """How many epochs the training has: those that it was begun with, or now ``epochs``."""
        if "epochs" not in self.job:
            self.job = {**self.job, "epochs": epochs}
            disk.keep_table(self.folder / "job.json", self.job)
        return int(self.job["epochs"])

    @property
    def epochs(self) -> int | None:
        """Those that it was begun with; None: it has not begun."""
        return int(self.job["epochs"]) if "epochs" in self.job else None

    def _mark(self) -> str:
        return hashlib.sha256(json.dumps(self.job, sort_keys=True).encode()).hexdigest()

    def _file(self, member: int) -> Path:
        return self.folder / f"member-{member:03d}.npz"

    def keep(self, member: int, *, last: int) -> Callable[[Any], None]:
        """What keeps the state of a member now and then, and after its ``last`` epoch."""
        def kept(state: Any) -> None:
            if int(state.epoch) < last and time.monotonic() - self.kept < _EVERY:
                return
            import jax

            leaves = {f"leaf_{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
            stream = io.BytesIO()
            np.savez(stream, mark=np.array(self._mark()), allow_pickle=False, **leaves)
            with disk.replacing(self._file(member)) as temporary:
                temporary.write_bytes(stream.getvalue())
            self.kept = time.monotonic()

        return kept

    def state(self, member: int, like: Any) -> Any | None:
        """The state of a member that was kept, of the shapes of ``like``; None: it begins anew."""
        import jax

        path = self._file(member)
        if not path.exists():
            return None
        try:
            with np.load(io.BytesIO(opening.read_bytes(path, _LARGEST)), allow_pickle=False) as stored:
                found = {name: stored[name] for name in stored.files}
            shapes, tree = jax.tree.flatten(like)
            leaves = [found[f"leaf_{i}"] for i in range(len(shapes))]
            if str(found["mark"]) != self._mark():
                raise ValueError("of another training")
            if any(np.shape(leaf) != np.shape(shape) for leaf, shape in zip(leaves, shapes)):
                raise ValueError("of other shapes")
        except (ReadError, BadZipFile, zlib.error, struct.error, ValueError, KeyError, EOFError, OSError) as error:
            _log.warning("%s: not used (%s); this member begins anew", path, quoted(str(error)))
            return None
        return jax.tree.unflatten(tree, [np.asarray(leaf, np.asarray(shape).dtype)
                                         for leaf, shape in zip(leaves, shapes)])

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Who interrupts the work is told that its states are kept."""
        try:
            yield
        except KeyboardInterrupt as stop:
            stop.add_note(f"What was learnt until some seconds ago is kept in {self.folder}: the same command goes on.")
            raise

    def discard(self) -> None:
        """Remove what was kept."""
        for file in [*self.folder.glob("member-*.npz"), self.folder / "job.json"]:
            file.unlink(missing_ok=True)

    def leave(self) -> None:
        """Remove the folder where nothing is in it."""
        with suppress(OSError):  # somebody's files are there
            self.folder.rmdir()


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _TEXT else f"{text[:_TEXT - 3]}..."
