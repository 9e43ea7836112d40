"""From bytes to text, in one place: encodings, line ends and micro signs, of text files, zip members and headers.

A text is UTF-16 or UTF-32 with its mark, UTF-16 without one (every other byte of what is ASCII is 0), UTF-8 with
or without its mark, else Windows-1252, which holds Latin-1. What was UTF-8 and has been taken for Latin-1 on its way
("Âµm") is mended, and the Greek letter mu is a micro sign: a unit has one spelling.
"""

from __future__ import annotations

import codecs
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asperity.data import opening
from asperity.data.readers._errors import CorruptFile
from asperity.data.readers.vendors.zip_archive import Archive, open_archive

__all__ = ["as_text", "check_lines", "decode", "head_text", "read_head", "read_part", "read_text", "read_texts",
           "read_utf8"]

#: characters; a line of a hundred thousand pixels has fewer
_LONGEST_LINE = 8 * 2**20
#: lines; more samples in one text do not fit into memory
_MOST_LINES = 10_000_000
#: the mark at the beginning of a text -> its encoding; the longer first
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
          codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
#: bytes that are looked at where a text has no mark
_LOOKED_AT = 4096
#: share of the characters of a UTF-16 text of measurements that are ASCII: all but units and names
_MOSTLY = 0.7
#: signs above ASCII of which UTF-8, read as Latin-1, makes two characters; after them, what is meant
_TWICE = re.compile("\u00c2([\u00b0\u00b2\u00b3\u00b5\u00ba])|\u00ce\u00bc|\u03bc")
#: the five bytes that Windows-1252 leaves undefined -> their Latin-1
_UNDEFINED = {0xDC00 + byte: byte for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}


def _wide(raw: bytes) -> str:
    """The encoding of a text whose characters have two or four bytes, by its mark or its zeros; else ""."""
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            return "" if encoding == "utf-8-sig" else encoding
    head = np.frombuffer(raw[: min(len(raw), _LOOKED_AT) // 2 * 2], np.uint8).reshape(-1, 2)
    if len(head) < 2 or not (zero := head == 0).any():
        return ""
    first, second = (float(share) for share in zero.mean(axis=0))
    if max(first, second) > _MOSTLY and min(first, second) == 0:
        return "utf-16-le" if second > first else "utf-16-be"
    return ""


def as_text(raw: bytes) -> str:
    """Text of bytes in any of the encodings, with one kind of micro sign; line ends as they are."""
    if raw.isascii() and b"\0" not in raw[:_LOOKED_AT]:
        return raw.decode("ascii")
    wide = _wide(raw)
    if wide:
        text = raw.decode(wide, errors="replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", errors="surrogateescape").translate(_UNDEFINED)
    return _TWICE.sub(lambda found: found[1] or "\u00b5", text)


def decode(raw: bytes) -> str:
    """`as_text` with line ends ``\\n``."""
    return as_text(raw).replace("\r\n", "\n").replace("\r", "\n")


def read_head(path: Path) -> bytes:
    """The first 4096 bytes of a file; of a text with a mark or in UTF-16, those of the same text in UTF-8."""
    head = opening.read_head(path)
    return _narrow(opening.read_head(path, 4 * len(head)))[: len(head)] if _wide(head) else _narrow(head)


def _narrow(raw: bytes) -> bytes:
    """The same text in UTF-8 without a mark, if it has a mark or wide characters; else the bytes as they are."""
    wide = _wide(raw)
    if wide:
        return as_text(raw).encode("utf-8", errors="replace")
    return raw.removeprefix(codecs.BOM_UTF8)


def head_text(head: bytes) -> str:
    """The text that the first bytes of a file hold, looking into a zip's first member; "" if binary.

    For recognition only: other than ASCII characters may come out wrong.
    """
    raw = _narrow(_zip_start(head) if head[:4] == b"PK\x03\x04" else head)
    text = raw.decode("latin-1")
    return "" if "\x00" in text else text.replace("\r\n", "\n").replace("\r", "\n")


def _zip_start(head: bytes) -> bytes:
    """The first bytes of the first real member of a zip archive, from its local header."""
    at = 0
    while head[at : at + 4] == b"PK\x03\x04" and len(head) >= at + 30:
        method = int.from_bytes(head[at + 8 : at + 10], "little")
        size = int.from_bytes(head[at + 18 : at + 22], "little")
        start = at + 30 + int.from_bytes(head[at + 26 : at + 28], "little") \
            + int.from_bytes(head[at + 28 : at + 30], "little")
        name_end = at + 30 + int.from_bytes(head[at + 26 : at + 28], "little")
        if not head[at + 30 : name_end].endswith(b"/"):
            return _inflate_start(head[start:]) if method == zipfile.ZIP_DEFLATED else head[start:]
        at = start + size
    return b""


def _inflate_start(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj(-15).decompress(packed, 16384)
    except zlib.error:
        return b""


def check_lines(path: Path, raw: bytes) -> bytes:
    """The bytes of a text, if its lines fit into memory one by one and together; else raises `CorruptFile`."""
    ends = np.flatnonzero(np.frombuffer(raw, np.uint8) == ord("\n" if b"\n" in raw else "\r"))
    longest = int(np.diff(ends, prepend=-1, append=len(raw)).max())
    if longest > _LONGEST_LINE or len(ends) > _MOST_LINES:
        raise CorruptFile(path, f"it has {len(ends)} lines of up to {longest} characters, which no table of "
                                "measurements has.", "Store it in a binary format if it is complete.")
    return raw


def read_text(path: Path) -> str:
    """The decoded text of a file."""
    return decode(check_lines(path, opening.read_bytes(path, opening.LONGEST_TEXT)))


def read_texts(path: Path, names: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """(name, text) of the one text that a file is, or of the members of the zip archive that it is."""
    zipped = opening.read_head(path).startswith(b"PK\x03\x04")
    return _read_members(path, names) if zipped else [(path.name, read_text(path))]


def read_utf8(path: Path) -> bytes:
    """The text of a file in UTF-8 without a mark, where it has a mark or is in UTF-16; else its bytes as they are."""
    return _narrow(check_lines(path, opening.read_bytes(path, opening.LONGEST_TEXT)))


def read_part(path: Path, start: int, stop: int) -> str:
    """The decoded text from byte ``start`` to ``stop`` of `read_utf8`; only that is read of a plain file."""
    head = opening.read_head(path)
    if _narrow(head) != head:
        return decode(read_utf8(path)[start:stop])
    with opening.stream(path) as stream:
        stream.seek(start)
        return decode(stream.read(stop - start))


def _read_members(path: Path, names: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """(name, text) of the members of a zip archive, of all that are files or only of ``names``.

    Raises:
        CorruptFile: the archive or a member is truncated, damaged or implausibly large, alone or together.
    """
    archive = open_archive(path)
    wanted = names if names is not None else _file_names(archive)
    declared = sum(archive.members[name].size for name in wanted if name in archive.members)
    if declared > opening.most_unpacked(path.stat().st_size):
        raise CorruptFile(path, f"its members unpack to {declared >> 20} MB, more than texts of measurements do.",
                          opening.DAMAGED)
    with archive.open() as stream:
        return [(name, decode(check_lines(path, archive.read(stream, name)))) for name in wanted]


def _file_names(archive: Archive) -> list[str]:
    return [name for name in archive.members
            if not name.endswith("/") and not Path(name).name.startswith(".")
            and not name.startswith("__MACOSX/")]
