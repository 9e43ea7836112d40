"""The history of a result: one JSON step per verb, kept in ``attrs["history"]``, and its replay.

A step says which verb ran with which arguments, on which input files (size and SHA-256), with which
versions, when, and from which seed. `replay` runs the steps again; it finds each verb by name in a
table that the caller gives and never evaluates text.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.data import opening

__all__ = ["HistoryError", "changed_inputs", "file_record", "history", "plain", "read_recipe", "record",
           "replay", "step", "write_recipe"]


class HistoryError(ValueError):
    """A history that is missing, damaged, unknown to this version, or whose input files have changed."""


def plain(value: Any) -> Any:
    """``value`` in the types of JSON: arrays become lists, paths text, contact models their fields."""
    if value is None or type(value) in (str, bool, int, float):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, PathLike):
        return str(value)
    if isinstance(value, list | tuple | set):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        return plain(np.asarray(value).tolist())
    raise HistoryError(f"a {type(value).__name__} cannot be kept in the history")


def file_record(path: str | PathLike[str]) -> dict[str, Any]:
    """``file``, ``bytes`` and ``sha256`` of one input; of a folder (zarr), of all its files in order.

    Raises:
        ReadError: no regular file, or a folder with links, pipes or devices in it (see `asperity.data.opening`).
    """
    path = Path(path)
    digest, size = hashlib.sha256(), 0
    folder = path.is_dir()
    for file in opening.members(path) if folder else [path]:
        if folder:
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with opening.stream(file) as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
                size += len(block)
    return {"file": str(path), "bytes": size, "sha256": digest.hexdigest()}


def step(verb: str, arguments: Mapping[str, Any], *, inputs: Iterable[Mapping[str, Any]] = (),
         seed: int | None = None) -> dict[str, Any]:
    """One step of a history.

    Args:
        verb: name of the verb, as `replay` will look it up.
        arguments: its keyword arguments beside the dataset; what is None (the default) is left out.
        inputs: records of `file_record` for the files that it read.
        seed: of its random numbers, if it drew any.
    """
    from asperity.diagnosis import package_versions

    given = {name: plain(value) for name, value in arguments.items() if value is not None}
    return {"verb": verb, "arguments": given, "inputs": [dict(entry) for entry in inputs], "seed": seed,
            "versions": package_versions(), "time": datetime.now(UTC).isoformat(timespec="seconds")}


def history(dataset: xr.Dataset) -> list[dict[str, Any]]:
    """The steps that led to ``dataset``, oldest first; an empty list if it has none.

    Raises:
        HistoryError: ``attrs["history"]`` is not what asperity wrote.
    """
    text = dataset.attrs.get("history", "[]")
    try:
        steps = json.loads(text)
    except (TypeError, json.JSONDecodeError) as error:
        raise HistoryError(f"the history of this dataset is not JSON ({error})") from error
    if not isinstance(steps, list) or any(not isinstance(s, dict) or "verb" not in s for s in steps):
        raise HistoryError("the history of this dataset is not a list of steps")
    return steps


def record(dataset: xr.Dataset, new: Mapping[str, Any], *, before: xr.Dataset | None = None) -> xr.Dataset:
    """``dataset`` with the step ``new`` appended to its history (or to that of ``before``)."""
    steps = [*history(dataset if before is None else before), dict(new)]
    return dataset.assign_attrs(history=json.dumps(steps))


def changed_inputs(steps: Iterable[Mapping[str, Any]]) -> list[str]:
    """One sentence for every recorded input file that is gone or has other content than recorded."""
    problems = []
    for entry in (entry for s in steps for entry in s.get("inputs", ())):
        path = Path(entry["file"])
        if not path.exists():
            problems.append(f"{path} is gone")
        elif (now := file_record(path))["sha256"] != entry["sha256"]:
            problems.append(f"{path} has changed: SHA-256 {entry['sha256'][:12]}... ({entry['bytes']} bytes) "
                            f"was recorded, now {now['sha256'][:12]}... ({now['bytes']} bytes)")
    return problems


def replay(dataset: xr.Dataset, verbs: Mapping[str, Callable[..., xr.Dataset]]) -> xr.Dataset:
    """Run the recorded steps of ``dataset`` again and return what they yield now.

    Args:
        dataset: a result with a history.
        verbs: name -> verb. The first step's verb is called with its arguments, each later one with
            the dataset so far and its arguments.

    Raises:
        HistoryError: no history, a verb that is not in ``verbs``, or input files that have changed
            (all of them are named).
    """
    steps = history(dataset)
    if not steps:
        raise HistoryError("this dataset has no history to replay")
    unknown = sorted({s["verb"] for s in steps} - set(verbs))
    if unknown:
        raise HistoryError(f"cannot replay the step {', '.join(unknown)}; "
                           f"known verbs: {', '.join(sorted(verbs))}")
    if problems := changed_inputs(steps):
        raise HistoryError("the inputs are not what they were: " + "; ".join(problems))
    first, *later = steps
    result = verbs[first["verb"]](**first["arguments"])
    for later_step in later:
        result = verbs[later_step["verb"]](result, **later_step["arguments"])
    return result


def write_recipe(steps: Iterable[Mapping[str, Any]]) -> str:
    """The steps as TOML: verbs and arguments, without the files, versions and times of that day."""
    lines = ["# A recipe of asperity: how a result was made. Use it: asperity analyze PATH --recipe FILE"]
    for entry in steps:
        lines += ["", "[[step]]", f"verb = {_toml(entry['verb'])}"]
        lines += [f"{name} = {_toml(value)}" for name, value in entry["arguments"].items()
                  if name not in {"paths", "path", "out"} and value is not None]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        inside = ", ".join(f"{name} = {_toml(v)}" for name, v in value.items() if v is not None)
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(entry) for entry in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def read_recipe(path: str | PathLike[str]) -> list[dict[str, Any]]:
    """The steps ``{"verb": ..., "arguments": {...}}`` of a recipe file.

    Raises:
        HistoryError: the file cannot be read or is not a recipe.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise HistoryError(f"{path}: cannot be opened ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HistoryError(f"{path}: not a TOML file ({error})") from error
    steps = content.get("step", [])
    if not isinstance(steps, list) or not steps or any("verb" not in s for s in steps):
        raise HistoryError(f"{path}: not a recipe; each step begins with [[step]] and names its verb. "
                           "Write one with: asperity recipe RESULTS > FILE.toml")
    return [{"verb": s["verb"], "arguments": {k: v for k, v in s.items() if k != "verb"}} for s in steps]
