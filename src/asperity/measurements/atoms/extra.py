"""The extra that this chapter needs, and what is said where it is not installed."""

from __future__ import annotations

from importlib.util import find_spec

from asperity.messages import AsperityError

__all__ = ["MissingExtra", "insist_on_extra"]

_NEEDED = ("ase", "vesin")  # files and elements; neighbors
_TO_LEARN = ("optax",)  # steps of a training


class MissingExtra(AsperityError, ImportError):
    """What this chapter needs is not installed."""


def insist_on_extra(*, networks: bool = False) -> None:
    """Raise MissingExtra, which says what to install, where the chapter cannot work, or not learn (``networks``)."""
    missing = [name for name in (*_NEEDED, *(_TO_LEARN if networks else ())) if find_spec(name) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise MissingExtra(f"atoms: {' and '.join(missing)} {verb} not installed here. Install the extra: pip install "
                           "'asperity[atomistic]'")
