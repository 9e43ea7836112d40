"""The extra that this chapter needs, and what is said where it is not installed."""

from __future__ import annotations

from importlib.util import find_spec

from asperity.messages import AsperityError

__all__ = ["MissingExtra", "insist_on_extra"]

_NEEDED = ("ase", "vesin")  # files and elements; neighbors
_TO_LEARN = ("optax", "e3nn_jax")  # steps of a training; angular functions of the networks


class MissingExtra(AsperityError, ImportError):
    """What this chapter needs is not installed."""


def insist_on_extra(*, networks: bool = False) -> None:
    """Raise MissingExtra, which says what to install, where the chapter cannot work; ``networks``: with these."""
    missing = [name for name in (*_NEEDED, *(_TO_LEARN if networks else ())) if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"atoms: {' and '.join(missing).replace('_', '-')} not installed here. Install the extra: "
                           "pip install 'asperity[atomistic]'")
