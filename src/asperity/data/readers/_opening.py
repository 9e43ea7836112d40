"""How every reader of files begins and fails: the head that tells the format, and errors that name the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asperity.data.readers._errors import CorruptFile, ReadError

__all__ = ["DAMAGED", "naming", "read_head"]

#: what to do with a damaged file
DAMAGED = "It may be truncated or damaged; copy it again from the instrument."


def read_head(path: Path) -> bytes:
    """The first 4096 bytes of a regular file (a pipe would wait for ever)."""
    try:
        if path.exists() and not path.is_file():
            raise ReadError(path, "is not a file.", "Name a file in it." if path.is_dir() else "Name a file.")
        with open(path, "rb") as stream:
            return stream.read(4096)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ReadError(path, f"cannot be opened ({getattr(error, 'strerror', None) or error}).",
                        "Check the name and the access rights.") from error


@contextmanager
def naming(path: Path, form: str, where: str = "") -> Iterator[None]:
    """Whatever a damaged file breaks in a parser becomes a `CorruptFile` that names the file."""
    try:
        yield
    except ReadError:
        raise
    except MemoryError as error:
        raise CorruptFile(path, f"{where}the {form} header declares more data than memory can hold.",
                          DAMAGED) from error
    except Exception as error:
        raise CorruptFile(path, f"{where}not a readable {form} file ({type(error).__name__}: {error}).",
                          DAMAGED) from error
