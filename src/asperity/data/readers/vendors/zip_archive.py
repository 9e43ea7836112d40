"""Zip archives with very many small members, read member by member with bounded memory.

The central directory is read once (about 1 us per member); afterwards a member costs one seek and
one read. No handle is kept: an `Archive` can be pickled and used by threads. Every member is
checked against its declared size and CRC-32, and never inflated beyond the declared size, which
itself cannot exceed what DEFLATE can produce from the stored bytes (ratio 1032:1) nor 128 MiB.
Layout: the .ZIP File Format Specification (APPNOTE 6.3), sections 4.3.7, 4.3.12, 4.3.14-16, 4.5.3.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from asperity.data import opening
from asperity.data.readers._errors import CorruptFile, Unsupported

__all__ = ["Archive", "Member", "open_archive"]

_ENTRY = struct.Struct("<4s6H3L5H2L")  # central directory file header
_LOCAL = struct.Struct("<4s5H3L2H")  # local file header
_END = struct.Struct("<4s4H2LH")  # end of central directory
_END64 = struct.Struct("<4sQ2H2L4Q")  # zip64 end of central directory
_LOCATOR64 = struct.Struct("<4sLQL")
_STORED = 0  # compression method of the format: none
_DEFLATED = 8  # compression method of the format: DEFLATE
_DEFLATE_RATIO = 1032  # bytes that DEFLATE can produce from a stored one, at most
_LARGEST = 1 << 27  # bytes of one member
_RECOPY = "Copy it again from the instrument."


class Member(NamedTuple):
    """Where one member lies: local header offset, stored and true size, CRC-32, method, flags."""

    offset: int
    stored: int
    size: int
    crc: int
    method: int
    flags: int


@dataclass(frozen=True)
class Archive:
    """An archive's path and directory."""

    path: Path
    members: dict[str, Member]

    def open(self) -> BinaryIO:
        """A new handle for `read`; raises `ReadError` if the file has gone."""
        return opening.stream(self.path, buffering=0)

    def read(self, stream: BinaryIO, name: str) -> bytes:
        """The whole member ``name``, checked; raises `CorruptFile` if missing or damaged."""
        member = self._member(name)
        data, done = self._inflate(member, self._stored(stream, member, name), name, member.size + 1)
        if len(data) != member.size or not done:
            raise CorruptFile(self.path, f"member '{name}' holds {len(data)} bytes where its entry declares "
                                         f"{member.size}.", _RECOPY)
        if zlib.crc32(data) != member.crc:
            raise CorruptFile(self.path, f"member '{name}' fails its checksum.", _RECOPY)
        return data

    def peek(self, stream: BinaryIO, name: str, count: int) -> bytes:
        """The first ``count`` bytes of member ``name`` (no checksum)."""
        member = self._member(name)
        return self._inflate(member, self._stored(stream, member, name), name, count)[0]

    def _member(self, name: str) -> Member:
        member = self.members.get(name)
        if member is None:
            raise CorruptFile(self.path, f"member '{name}' is missing.", _RECOPY)
        if member.flags & 1:
            raise Unsupported(self.path, f"member '{name}' is encrypted.", "Remove the password.")
        if member.method not in (_STORED, _DEFLATED):
            raise Unsupported(self.path, f"member '{name}' is compressed by method {member.method}.")
        if member.size > min(_DEFLATE_RATIO * member.stored + 64, _LARGEST):
            raise CorruptFile(self.path, f"member '{name}' declares {member.size} bytes, more than its "
                                         f"{member.stored} stored bytes can reasonably hold.", _RECOPY)
        return member

    def _stored(self, stream: BinaryIO, member: Member, name: str) -> bytes:
        stream.seek(member.offset)
        block = stream.read(_LOCAL.size + len(name) + 64 + member.stored)
        named = block[_LOCAL.size : _LOCAL.size + len(name)] == name.encode("latin-1")
        if len(block) < _LOCAL.size or block[:4] != b"PK\3\4" or not named:
            raise CorruptFile(self.path, f"member '{name}' does not start where its entry says.", _RECOPY)
        *_, name_length, extra_length = _LOCAL.unpack_from(block)
        start = _LOCAL.size + name_length + extra_length
        missing = start + member.stored - len(block)
        if missing > 0:
            block += stream.read(missing)
        stored = block[start : start + member.stored]
        if len(stored) != member.stored:
            raise CorruptFile(self.path, f"member '{name}' is cut off.", _RECOPY)
        return stored

    def _inflate(self, member: Member, stored: bytes, name: str, limit: int) -> tuple[bytes, bool]:
        """At most ``limit`` bytes, and whether the stream ended."""
        if member.method == _STORED:
            return stored[:limit], True
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            return inflater.decompress(stored, limit), inflater.eof
        except zlib.error as error:
            raise CorruptFile(self.path, f"member '{name}' cannot be decompressed ({error}).",
                              _RECOPY) from error


def open_archive(path: Path) -> Archive:
    """Read the directory of a zip archive; raises `CorruptFile` if it is incomplete or damaged."""
    with opening.stream(path) as stream:
        directory, shift, length = _directory(path, stream)
    members: dict[str, Member] = {}
    position = 0
    while position < len(directory):
        name, member, position = _entry(path, directory, position)
        member = member._replace(offset=member.offset + shift) if shift else member
        if member.offset + member.stored > length:
            raise CorruptFile(path, f"member '{name}' lies beyond the end of the file.", _RECOPY)
        members[name] = member
    return Archive(path, members)


def _entry(path: Path, directory: bytes, position: int) -> tuple[str, Member, int]:
    """One entry of the central directory and the position of the next."""
    if position + _ENTRY.size > len(directory) or directory[position : position + 4] != b"PK\1\2":
        raise CorruptFile(path, "the zip directory is damaged.", _RECOPY)
    (_, _, _, flags, method, _, _, crc, stored, size, n_name, n_extra, n_comment, _, _, _,
     offset) = _ENTRY.unpack_from(directory, position)
    name_at = position + _ENTRY.size
    extra_at = name_at + n_name
    following = extra_at + n_extra + n_comment
    if following > len(directory):
        raise CorruptFile(path, "the zip directory is damaged.", _RECOPY)
    name = directory[name_at:extra_at].decode("latin-1")
    if 0xFFFFFFFF in (stored, size, offset):
        size, stored, offset = _large(path, directory[extra_at : extra_at + n_extra], (size, stored, offset))
    return name, Member(offset, stored, size, crc, method, flags), following


def _large(path: Path, extra: bytes, values: tuple[int, int, int]) -> list[int]:
    """Sizes and offset of a zip64 entry: each saturated value is replaced from the extra field 1."""
    position, wanted = 0, list(values)
    while position + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, position)
        if tag == 1:
            numbers = [value for value, in struct.iter_unpack("<Q", extra[position + 4 :][: length // 8 * 8])]
            for i, value in enumerate(wanted):
                if value == 0xFFFFFFFF and numbers:
                    wanted[i] = numbers.pop(0)
            return wanted
        position += 4 + length
    raise CorruptFile(path, "a zip64 entry lacks its sizes.", _RECOPY)


def _directory(path: Path, stream: BinaryIO) -> tuple[bytes, int, int]:
    """The bytes of the central directory, the shift of all offsets, and the length of the file."""
    length = stream.seek(0, 2)
    tail_at = max(0, length - 65557)
    stream.seek(tail_at)
    tail = stream.read()
    found = tail.rfind(b"PK\5\6")
    if found < 0 or found + _END.size > len(tail):
        raise CorruptFile(path, "the end of the zip archive is missing: the file is truncated.", _RECOPY)
    _, _, _, _, _, size, offset, _ = _END.unpack_from(tail, found)
    end = tail_at + found
    if found >= _LOCATOR64.size and tail[found - _LOCATOR64.size :][:4] == b"PK\6\7":
        _, _, at, _ = _LOCATOR64.unpack_from(tail, found - _LOCATOR64.size)
        stream.seek(min(at, length))
        record = stream.read(_END64.size)
        if len(record) < _END64.size or record[:4] != b"PK\6\6":
            raise CorruptFile(path, "the zip64 directory is missing.", _RECOPY)
        *_, size, offset = _END64.unpack(record)
        end = at
    start = end - size
    if start < 0 or start < offset:
        raise CorruptFile(path, "the zip directory is not where the archive says it is.", _RECOPY)
    stream.seek(start)
    return stream.read(size), start - offset, length
