"""What to cite: the sources that the docstrings of the models and methods used name, as BibTeX."""

from __future__ import annotations

import inspect
import re
from functools import cache
from importlib import resources

__all__ = ["bibliography", "citations", "sources"]

#: volume, first page and year of an article as the docstrings write them
_ARTICLE = re.compile(r"(\d+), (L?\d+) \((\d{4})\)")


@cache
def bibliography() -> dict[str, str]:
    """BibTeX entries by key."""
    text = (resources.files("asperity") / "references.bib").read_text(encoding="utf-8")
    return {re.match(r"@\w+\{(\w+)", entry)[1]: entry for entry in text.strip().split("\n\n")}  # type: ignore[index]


def _field(entry: str, name: str) -> str:
    found = re.search(rf"\b{name} = \{{([^}}]*)\}}", entry)
    return found[1] if found else ""


def sources(documented: object) -> list[str]:
    """The keys of the articles and books that the part ``Source:`` of a docstring names."""
    source = " ".join((inspect.getdoc(documented) or "").partition("Source:")[2].split())
    articles = {(volume, page, year) for volume, page, year in _ARTICLE.findall(source)}
    return [key for key, entry in bibliography().items()
            if (_field(entry, "volume"), _field(entry, "pages").split("-")[0], _field(entry, "year")) in articles
            or f"{_field(entry, 'title')} ({_field(entry, 'year')})" in source]


def citations(*documented: object) -> list[str]:
    """BibTeX of the program and of what the docstrings of these models, modules and functions name as their source."""
    keys = ["asperity", *(key for used in documented for key in sources(used))]
    return [bibliography()[key] for key in dict.fromkeys(keys)]
