"""The history of a result: one JSON step per verb, kept in ``attrs["history"]``, and its replay.

A step says which verb ran with which arguments, on which input files (size and SHA-256), with which
versions, when, and from which seed. `replay` runs the steps again; it finds each verb by name in a
table that the caller gives and never evaluates text.

A history is data that anyone may have written, never an instruction: what it may say is bounded by the
signatures of the verbs (see `asperity.data.arguments`), and only files are opened that it records with
their SHA-256.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import takewhile
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.data import arguments, opening
from asperity.data.readers._errors import ReadError, printable
from asperity.messages import AsperityError, quoted

__all__ = ["HistoryError", "changed_inputs", "file_record", "history", "plain", "read_recipe", "record",
           "replay", "step", "write_recipe"]

_log = logging.getLogger("asperity")

#: characters of a history: 1e5 input files with long names have a third of it
_LONGEST = 64_000_000
#: steps of a history or a recipe; people make a dozen
_MOST_STEPS = 1_000
#: bytes of a recipe; with the shape of a tip in it, it has some 1e5
_LARGEST_RECIPE = 2_000_000
#: arguments that name files: of that day, not of a recipe
_FILES = frozenset({"paths", "path", "source", "spectrum", "images", "out"})
#: texts of a TOML file, closed or not
_TOML_TEXT = re.compile(r'"(?:[^"\\\n]|\\.)*"?|\'[^\'\n]*\'?')
#: a hundred keys in each other, for which Python's TOML reader takes more than quadratic time
_TOML_DEEP = re.compile(r"(?<![\w-])(?:[\w-]+[ \t]*\.[ \t]*){100}")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class HistoryError(AsperityError, ValueError):
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
    if isinstance(text, str) and len(text) > _LONGEST:
        raise HistoryError(f"the history of this dataset has {len(text)} characters, more than {_LONGEST}")
    try:
        steps = json.loads(text)
    except (TypeError, ValueError) as error:
        raise HistoryError(f"the history of this dataset is not JSON ({quoted(str(error))})") from error
    except RecursionError as error:
        raise HistoryError("the history of this dataset is nested too deeply") from error
    return _steps(steps, "the history of this dataset")


def _steps(found: Any, what: str) -> list[dict[str, Any]]:
    """The steps of a history, each with its arguments and records of inputs, if that is what was found."""
    if not isinstance(found, list) or any(not isinstance(s, dict) or not isinstance(s.get("verb"), str) for s in found):
        raise HistoryError(f"{what} is not a list of steps")
    if len(found) > _MOST_STEPS:
        raise HistoryError(f"{what} has {len(found)} steps, more than {_MOST_STEPS}")
    if not arguments.shallow(found):
        raise HistoryError(f"{what} is nested too deeply")
    for number, entry in enumerate(found, 1):
        inputs = entry.setdefault("inputs", [])
        if not isinstance(entry.setdefault("arguments", {}), dict):
            raise HistoryError(f"{what} is damaged: the arguments of step {number} are no mapping")
        if not isinstance(inputs, list) or not all(map(_is_file_record, inputs)):
            raise HistoryError(f"{what} is damaged: the inputs of step {number} are no records of files")
    return found


def _is_file_record(entry: Any) -> bool:
    """Whether it holds ``file``, ``bytes`` and ``sha256``, as `file_record` gives them."""
    return (isinstance(entry, dict) and isinstance(entry.get("file"), str) and isinstance(entry.get("sha256"), str)
            and type(entry.get("bytes")) is int and entry["bytes"] >= 0)


def record(dataset: xr.Dataset, new: Mapping[str, Any], *, before: xr.Dataset | None = None) -> xr.Dataset:
    """``dataset`` with the step ``new`` appended to its history (or to that of ``before``)."""
    steps = [*history(dataset if before is None else before), dict(new)]
    return dataset.assign_attrs(history=json.dumps(steps))


def changed_inputs(steps: Iterable[Mapping[str, Any]]) -> list[str]:
    """One sentence for every recorded input file that is gone or has other content than recorded.

    A file is read only if it is a regular one (or a folder of them) of the recorded size.
    """
    found = (_change(entry) for s in steps for entry in s.get("inputs", ()))
    return [change for change in found if change]


def _change(entry: Mapping[str, Any]) -> str | None:
    path, name = Path(entry["file"]), quoted(entry["file"])
    recorded = f"SHA-256 {quoted(entry['sha256'][:12])}... ({entry['bytes']} bytes) was recorded"
    try:
        if not path.exists():
            return f"{name} is gone"
        if not path.is_file() and not path.is_dir():
            return f"{name} is not a regular file and is not opened"
        if (size := _size(path, entry["bytes"])) != entry["bytes"]:
            return f"{name} has changed: {recorded}, now it has {'more' if size > entry['bytes'] else size} bytes"
        now = file_record(path)["sha256"]
    except ReadError as error:
        return f"{name} {error.problem}"
    except (OSError, ValueError) as error:
        return f"{name} cannot be read ({quoted(str(error))})"
    return None if now == entry["sha256"] else f"{name} has changed: {recorded}, now SHA-256 {now[:12]}..."


def _size(path: Path, most: int) -> int:
    """The bytes of a file or of all files in a folder; the count ends soon after ``most``."""
    total = 0
    for file in path.rglob("*") if path.is_dir() else [path]:
        total += file.stat().st_size if file.is_file() else 0
        if total > most:
            break
    return total


def replay(dataset: xr.Dataset, verbs: Mapping[str, Callable[..., xr.Dataset]]) -> xr.Dataset:
    """Run the recorded steps of ``dataset`` again and return what they yield now.

    Args:
        dataset: a result with a history.
        verbs: name -> verb. The first step's verb is called with its arguments, each later one with
            the dataset so far and its arguments.

    Only recorded inputs are opened: in the place of a folder stand the files that were read from it.

    Raises:
        HistoryError: no history; a verb that is not in ``verbs``; an argument that no history of it holds;
            input files that have changed (all of them are named); or a step that fails now.
    """
    steps = history(dataset)
    if not steps:
        raise HistoryError("this dataset has no history to replay")
    unknown = sorted({s["verb"] for s in steps} - set(verbs))
    if unknown:
        raise HistoryError(f"cannot replay the step {quoted(', '.join(unknown))}; "
                           f"known verbs: {', '.join(sorted(verbs))}")
    calls = [(s["verb"], _call(s, verbs[s["verb"]])) for s in steps]
    if problems := changed_inputs(steps):
        raise HistoryError("the inputs are not what they were: " + "; ".join(problems))
    result = None
    for name, given in calls:
        result = _run(name, verbs[name], [] if result is None else [result], given)
    assert result is not None
    return result


def _run(name: str, verb: Callable[..., xr.Dataset], data: list[xr.Dataset], given: Mapping[str, Any]) -> xr.Dataset:
    """One step again; what it has to say against it is said of this step."""
    try:
        inspect.signature(verb).bind(*data, **given)
    except TypeError as error:
        what = "it needs data of which the history names no file" if not data else "it names files amid the history"
        raise HistoryError(f"the step '{name}' cannot be run again: {what}") from error
    try:
        return verb(*data, **given)
    except HistoryError:
        raise
    except Exception as error:
        raise HistoryError(f"the step '{name}' cannot be run again: {quoted(str(error))}") from error


def _call(step: Mapping[str, Any], verb: Callable[..., xr.Dataset]) -> dict[str, Any]:
    """The arguments of one step, checked, its files among the recorded inputs."""
    given = dict(step["arguments"])
    if found := arguments.problem(verb, given):
        raise HistoryError(f"the step '{step['verb']}' is not replayed: {found}")
    named = [name for name in arguments.files(verb) if name in given]
    if len(named) != 1 and step["inputs"]:
        raise HistoryError(f"the step '{step['verb']}' is not replayed: it records inputs and names none")
    for name in named:
        given[name] = _recorded(given[name], [str(Path(entry["file"])) for entry in step["inputs"]], step["verb"])
    return arguments.completed(verb, given)


def _recorded(named: str | list[str], inputs: list[str], verb: str) -> str | list[str]:
    """The files of a step that its inputs record: as they are named, or for a folder those read from it.

    Raises:
        HistoryError: an input outside of what is named, or nothing named is recorded.
    """
    places = [str(Path(name)) for name in ([named] if isinstance(named, str) else named)]
    above = {file: _holders(Path(file)) for file in inputs}
    stray = [file for file, holders in above.items() if not holders & set(places)]
    reached = set().union(*above.values())
    if stray or not reached or (isinstance(named, str) and places[0] not in reached):
        what = (f"its input {quoted(stray[0])} is not named" if stray else
                f"{quoted(places[0]) if places else 'nothing'} is not among its recorded inputs")
        raise HistoryError(f"the step '{verb}' is not replayed: {what}")
    for place in places:
        if place not in reached:
            _log.warning("%s is not among the recorded inputs of '%s': it is not opened", quoted(place), verb)
    return named if set(places) <= set(inputs) else inputs


def _holders(file: Path) -> set[str]:
    """The names of a file and of the folders that hold it, as far as they can be told from its name."""
    certain = takewhile(lambda part: part[0] != "..", zip(reversed(file.parts), file.parents))
    return {str(file), *(str(folder) for _, folder in certain)}


def write_recipe(steps: Iterable[Mapping[str, Any]]) -> str:
    """The steps as TOML: verbs and arguments, without the files, versions and times of that day.

    Raises:
        HistoryError: an argument that TOML cannot hold.
    """
    lines = ["# A recipe of asperity: how a result was made. Use it: asperity analyze PATH --recipe FILE"]
    for entry in steps:
        if "verb" in entry["arguments"]:
            raise HistoryError(f"the step '{quoted(entry['verb'])}' has an argument 'verb': no recipe can hold that")
        lines += ["", "[[step]]", f"verb = {_toml(entry['verb'])}"]
        lines += [f"{_key(name)} = {_toml(value)}" for name, value in entry["arguments"].items()
                  if name not in _FILES and value is not None]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _toml(name)


def _toml(value: Any) -> str:
    if value is None:
        raise HistoryError("a list with an empty entry (null) cannot stand in a recipe")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(name)} = {_toml(v)}" for name, v in value.items() if v is not None)
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(entry) for entry in value) + "]"
    if isinstance(value, str):
        whole = value.encode("utf-8", "replace").decode()  # a file name may hold bytes that are no text
        return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def read_recipe(path: str | PathLike[str]) -> list[dict[str, Any]]:
    """The steps ``{"verb": ..., "arguments": {...}}`` of a recipe file.

    Raises:
        HistoryError: the file cannot be read or is not a recipe.
    """
    try:
        content = tomllib.loads(_recipe_text(Path(path)))
    except ReadError as error:
        raise HistoryError(f"{printable(path)}: {error.problem.removesuffix('.')}") from error
    except OSError as error:
        raise HistoryError(f"{path}: cannot be opened ({error.strerror})") from error
    except ValueError as error:
        raise HistoryError(f"{path}: not a TOML file ({quoted(str(error))})") from error
    except RecursionError as error:
        raise HistoryError(f"{path}: not a recipe; it is nested too deeply") from error
    steps = content.get("step", [])
    if not isinstance(steps, list) or not steps or any(not isinstance(s, dict) or "verb" not in s for s in steps):
        raise HistoryError(f"{path}: not a recipe; each step begins with [[step]] and names its verb. "
                           "Write one with: asperity recipe RESULTS > FILE.toml")
    read = [{"verb": s["verb"], "arguments": {k: v for k, v in s.items() if k != "verb"}} for s in steps]
    return [{"verb": s["verb"], "arguments": s["arguments"]} for s in _steps(read, f"{path}: the recipe")]


def _recipe_text(path: Path) -> str:
    """The text of a recipe.

    Raises:
        ReadError: it is no regular file. OSError: it cannot be read. ValueError: it is too large, no text, or has keys
            in each other without end.
    """
    with opening.stream(path) as stream:
        content = stream.read(_LARGEST_RECIPE + 1)
    if len(content) > _LARGEST_RECIPE:
        raise ValueError(f"it has more than {_LARGEST_RECIPE} bytes")
    text = content.decode("utf-8")
    if _TOML_DEEP.search(_TOML_TEXT.sub("text", text)):
        raise ValueError("a key has more than 100 parts")
    return text
