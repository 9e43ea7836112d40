"""The versions that the project says it works with are those that it is tested with."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = ("readers", "images", "plot", "dask", "bayes", "dev")


def pinned(file):
    """(name, version) -> marker of every line of a constraints file."""
    lines = [line for line in (ROOT / file).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    found = [re.fullmatch(r"([\w.-]+)==([\w.]+)(?: ; (.+))?", line) for line in lines]
    assert all(found), [line for line, one in zip(lines, found) if not one]
    return {(one[1].lower(), one[2]): one[3] for one in found if one}


def admitted():
    """Name -> lowest version that pyproject.toml admits."""
    texts = [*PROJECT["dependencies"], *(text for extra in EXTRAS for text in PROJECT["optional-dependencies"][extra])]
    bounds = [re.match(r"([\w-]+)>=([\w.]+)(?=,|$)", text) for text in texts]
    assert all(bounds), [text for text, one in zip(texts, bounds) if not one]
    found = {(one[1].lower(), one[2]) for one in bounds if one}
    assert len({name for name, _ in found}) == len(found), "one name with two lower bounds"
    return dict(found)


def test_the_lowest_versions_admitted_are_the_lowest_tested():
    lowest = dict(pinned("constraints-lowest.txt").keys())
    assert {name: version for name, version in lowest.items() if name in admitted()} == admitted()


@pytest.mark.parametrize("file", ["constraints.txt", "constraints-lowest.txt"])
def test_every_version_tested_is_admitted_and_named_once(file):
    versions = {}
    for (name, version), marker in pinned(file).items():
        versions.setdefault((name, marker), []).append(version)
    assert not {key: found for key, found in versions.items() if len(found) > 1}

    def numbers(version):
        return tuple(int(part) for part in re.findall(r"\d+", version))

    below = {name: version for name, version in pinned(file)
             if name in admitted() and numbers(version) < numbers(admitted()[name])}
    assert not below
