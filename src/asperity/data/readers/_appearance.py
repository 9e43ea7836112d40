"""What a file looks like that is none of the formats: said where it is refused, so that people see their mistake."""

from __future__ import annotations

from asperity.data.readers._text import decode, head_text

__all__ = ["appearance", "is_foreign"]

#: first bytes -> what such a file is; none of them holds measurements that are read here
_FOREIGN = {b"\x89PNG": "a PNG picture", b"\xff\xd8\xff": "a JPEG picture", b"GIF8": "a GIF picture",
            b"%PDF": "a PDF document", b"\xd0\xcf\x11\xe0": "a spreadsheet or document of an old Office (.xls, .doc)",
            b"\x1f\x8b": "a gzip archive", b"Rar!": "a RAR archive", b"7z\xbc\xaf": "a 7-Zip archive"}
#: first bytes -> what else such a file is; some of these are read
_KNOWN = {b"II*\0": "a TIFF picture", b"MM\0*": "a TIFF picture", b"\x89HDF\r\n\x1a\n": "an HDF5 file",
          b"\x93NUMPY": "a NumPy array", b"IGOR": "an Igor experiment"}
#: a name in the first member of a zip archive -> what it is
_OFFICE = {b"xl/": "a spreadsheet (.xlsx)", b"word/": "a document (.docx)", b"[Content_Types].xml": "an Office file",
           b"mimetypeapplication/vnd.oasis": "an OpenDocument file"}
#: first characters of a text, lower case -> what it is
_MARKUP = {"<!doctype html": "a web page", "<html": "a web page", "<?xml": "an XML text", "{": "a JSON text"}
#: characters of a text that are shown
_SHOWN = 40


def is_foreign(head: bytes) -> bool:
    """True for pictures, documents, spreadsheets and packed files by their first bytes, whatever their name says."""
    return head.startswith(tuple(_FOREIGN)) or bool(_office(head))


def appearance(head: bytes) -> str:
    """What the first bytes of a file look like, in words that follow "it looks like".

    >>> appearance(b"%PDF-1.7"), appearance(b"Dear diary,\\ntoday")
    ('a PDF document', "a text that begins with 'Dear diary,'")
    """
    for start, words in (_FOREIGN | _KNOWN).items():
        if head.startswith(start):
            return words
    if head.startswith(b"PK\x03\x04"):
        return _office(head) or "a ZIP archive of something else"
    text = decode(head) if head_text(head) else ""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines or not all(character.isprintable() or character == "\t" for character in lines[0]):
        return "binary data of an unknown kind"
    markup = next((words for start, words in _MARKUP.items() if lines[0].lower().startswith(start)), "")
    return markup or f"a text that begins with {lines[0][:_SHOWN]!r}"


def _office(head: bytes) -> str:
    """Which Office file a zip archive is; "" if none."""
    if not head.startswith(b"PK\x03\x04"):
        return ""
    return next((words for name, words in _OFFICE.items() if name in head), "")
