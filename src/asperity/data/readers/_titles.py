"""Titles of columns: the quantity that each names, and its unit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["quantity_of"]

_TITLE = re.compile(r"^\s*(.*?)\s*(?:[\[(]([^\])]*)[\])])?\s*$")
#: a name, a slash and its unit: E'/kPa
_SLASHED = re.compile(r"^\s*([^/]+?)\s*/\s*(.+?)\s*$")


def quantity_of(title: str, names: Mapping[str, Sequence[str]]) -> tuple[str | None, str | None]:
    """The quantity that a title names, None if it is not known, and its unit, None if there is none.

    The unit stands in brackets or behind a slash. ``_std`` behind a name is kept.

    Args:
        title: as it is written, in quotes or not.
        names: quantity -> other words for it, in small letters.
    """
    bare = title.strip('"')
    if whole := _quantity(bare.strip().lower(), names):
        return whole, None
    match = _TITLE.match(bare)
    if match and (found := _quantity(match[1].strip().lower(), names)):
        return found, match[2]
    slashed = _SLASHED.match(bare)
    return (_quantity(slashed[1].strip().lower(), names), slashed[2].strip("()[] ")) if slashed else (None, None)


def _quantity(title: str, names: Mapping[str, Sequence[str]]) -> str | None:
    """What a title names, with ``_std`` kept."""
    bare = title.removesuffix("_std")
    spelled = {bare, re.sub(r"[\s-]+", "_", bare)}
    found = next((name for name, words in names.items() if spelled & {name, *words}), None)
    return None if found is None else found + title[len(bare):]
