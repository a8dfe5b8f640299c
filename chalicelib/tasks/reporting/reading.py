"""Records of a CSV (RFC 4180), read exactly; malformed quoting fails and names its line.

The csv module alone would not do: it takes a space before a quote as text, does not say where a
quote is wrong, and has one limit on cells for the whole process.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from chalicelib.tasks import PermanentError

MAX_RECORD = 1024 * 1024  # bytes; it bounds the memory where a quote is never closed

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
NOT_CSV = {  # by how such files begin; UTF-32 before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_LE: "UTF-32 text",
    codecs.BOM_UTF32_BE: "UTF-32 text",
    b"\x1f\x8b": "compressed with gzip",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"BZh91AY&SY": "compressed with bzip2",
    b"PK\x03\x04": "a ZIP archive or an Excel workbook (.xlsx)",
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls)",
}
SEPARATOR_LINE = re.compile(r'"?sep=([^"\r\n\x00])"?[\r\n]*', re.IGNORECASE)
QUOTED = r'[^"]*+(?:""[^"]*+)*+'  # text between quotes; linear, as it gives nothing back
INSIDE_QUOTES = re.compile(QUOTED)


class Place(msgspec.Struct):
    """Where reading stands, between two records."""

    encoding: str
    delimiter: str
    offset: int = 0  # in bytes
    line: int = 0  # lines read
    undecodable: int = 0  # lines with bytes outside the encoding


class Records:
    """Iterates over the records from `place` on. While one is worked on, `place` is its end.

    A blank line is a record without cells. A byte order mark and a first line `sep=;` change the
    encoding and delimiter in `place`, and are no records. Raises PermanentError for malformed
    quoting, a carriage return alone outside quotes, a record over MAX_RECORD and a file that is
    not CSV.
    """

    def __init__(self, source: BinaryIO, place: Place) -> None:
        self._source, self._place = source, place
        self._offset, self._line = place.offset, place.line  # of what has been read
        self._use(place.delimiter)

    def __iter__(self) -> Iterator[list[str]]:
        place = self._place
        while line := self._next_line():
            if self._line == 1 and (separator := SEPARATOR_LINE.fullmatch(line)):
                self._use(separator[1])
                continue
            text = line.rstrip("\r\n")
            if '"' in text or "\r" in text:
                cells = self._quick(text) or self._thorough(line)
            else:
                cells = text.split(place.delimiter) if text else []
            place.offset, place.line = self._offset, self._line
            yield cells

    def _use(self, delimiter: str) -> None:
        self._place.delimiter = delimiter
        end, spaces = re.escape(delimiter), "" if delimiter == " " else " *+"
        self._cell = re.compile(
            rf'{spaces}"({QUOTED})"{spaces}{end}'
            rf'|(?!{spaces}")([^{end}\r]*+){end}'
            rf'|{spaces}"({QUOTED})\Z'  # goes on in the next line
            r"|([\s\S]+)"  # malformed
        )
        self._after_quote = re.compile(rf'"{spaces}{end}')
        self._given: list[str] = []
        given = iter(self._given.pop, None)
        self._reader = csv.reader(given, delimiter=delimiter, strict=True)

    def _quick(self, text: str) -> list[str] | None:
        """The cells of a record of one line; None for what the csv module does not know."""
        if ' "' in text:
            return None
        self._given.append(text)
        try:
            return next(self._reader)
        except (csv.Error, IndexError):  # IndexError where the record goes on in another line
            return None

    def _thorough(self, line: str) -> list[str]:
        """The cells of the record that begins with `line`; reads on to its end."""
        cells: list[str] = []
        at = 0
        while True:
            text = line.rstrip("\r\n") + self._place.delimiter  # it ends each cell, the last too
            found = self._cell.findall(text, at)
            if not found:
                return cells
            cells += [quoted.replace('""', '"') or plain for quoted, plain, _, _ in found]
            _, _, unclosed, malformed = found[-1]
            if malformed:
                raise self._malformed(malformed)
            if not unclosed:
                return cells
            first = unclosed[:-1] + line[len(text) - 1 :]
            cells[-1], line, at = self._rest_of_cell(first)

    def _rest_of_cell(self, first: str) -> tuple[str, str, int]:
        """A cell of several lines; the line in which it ends, and where what follows begins."""
        parts, opened = [first], self._line
        while line := self._next_line():
            inside = INSIDE_QUOTES.match(line)
            assert inside  # it matches empty text, too
            parts.append(inside[0])
            if (end := inside.end()) < len(line):
                text = line.rstrip("\r\n") + self._place.delimiter
                after = self._after_quote.match(text, end)
                if after is None:
                    raise self._malformed(text[end:])
                return "".join(parts).replace('""', '"'), line, after.end()
        raise PermanentError(
            f"The quote that opens on line {opened} is never closed. Close it; write a quote that "
            'belongs to a quoted cell twice ("").'
        )

    def _next_line(self) -> str:
        """With its line end; empty after the last."""
        line = self._source.readline(MAX_RECORD + 1)
        if not self._line:
            line = self._without_mark(line)
        if self._place.encoding.startswith("utf-16"):
            line = self._whole_utf16_line(line)
        self._offset += len(line)
        self._line += 1
        if self._offset - self._place.offset > MAX_RECORD:
            raise PermanentError(
                f"The record that begins on line {self._place.line + 1} is over 1 MiB. Does every "
                "line end with a line feed, and is every quote closed?"
            )
        try:
            return line.decode(self._place.encoding)
        except UnicodeDecodeError:
            self._place.undecodable += 1
            return line.decode(self._place.encoding, "replace")

    def _without_mark(self, line: bytes) -> bytes:
        """The file's first line. Its byte order mark says more than the client may know."""
        for signature, kind in NOT_CSV.items():
            if line.startswith(signature):
                raise PermanentError(f"The file is {kind}. Send the CSV itself, as UTF-8 text.")
        for mark, encoding in BYTE_ORDER_MARKS.items():
            if line.startswith(mark):
                self._place.encoding, self._offset = encoding, len(mark)
                return line[len(mark) :]
        if b"\0" in line:
            raise PermanentError(
                "The first line holds NUL bytes: the file looks like UTF-16 without a byte order "
                "mark. Save it with the mark, or as UTF-8."
            )
        return line

    def _whole_utf16_line(self, start: bytes) -> bytes:
        """`start` ends after a byte 0A, which may be half of another character."""
        feed = "\n".encode(self._place.encoding)
        line = bytearray(start)
        while len(line) <= MAX_RECORD:
            line += self._source.read(len(line) % 2)  # the character's other half
            if line[-2:] == feed:
                break
            more = self._source.readline(MAX_RECORD)
            if not more:
                break
            line += more
        return bytes(line)

    def _malformed(self, text: str) -> PermanentError:
        if text.lstrip(" ").startswith('"'):
            return PermanentError(
                f"Line {self._line} has text after a closing quote. Quote whole cells only, and "
                'write a quote that belongs to a quoted cell twice ("").'
            )
        return PermanentError(
            f"Line {self._line} has a carriage return outside quotes that ends no line. End lines "
            "with a line feed, with or without a carriage return before it."
        )
