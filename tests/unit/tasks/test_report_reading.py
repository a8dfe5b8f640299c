"""The report task reads CSVs as they come, or fails and names the line that it cannot read."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.tasks import HttpResponse, Source
from chalicelib.tasks.report import report
from chalicelib.tasks.reporting.reading import Place, Records
from chalicelib.testing import Bench
from tests.unit.tasks.reports import counts, detail, rows, run


class ThoroughRecords(Records):
    """Uses the report's own parser where the csv module would do, too."""

    def _quick(self, text: str) -> None:
        return None


def read(data: bytes, delimiter: str = ",", kind: type[Records] = Records) -> list[list[str]]:
    source = io.BufferedReader(Source(iter([data]), None))
    return list(kind(source, Place("utf-8", delimiter)))


# ── one text, many ways to write it ──


@pytest.mark.parametrize(
    "data",
    [
        b"a,n\nx,1\n",
        b"a,n\nx,1",
        b"a,n\r\nx,1\r\n",
        b"a,n\r\r\nx,1\r\r\n",
        b"\xef\xbb\xbfa,n\nx,1\n",
        b'\xef\xbb\xbf"a","n"\r\n"x","1"\r\n',
        b"\n\na, n\n\nx,1\n\n",
        b'a,n,"note, long"\nx,1,"two\nlines, ""quoted"""\n',
        b"a,n,twice,twice\nx,1,2,3\n",
        b"a,n,z\nx,1,\x00\n",
        b'a, "n"\n "x",  "1"\n',
        b'"a" ,"n" \r\n"x" ,"1" \r\n',
        b"sep=;\na;n\nx;1\n",
        b"\xef\xbb\xbfsep=\t\r\na\tn\r\nx\t1\r\n",
        b'"sep=;"\na;n\nx;1\n',
        b"Sep=,\na,n\nx,1\n",
        "a,n\nx,1\n".encode("utf-16"),
        codecs.BOM_UTF16_BE + "sep=|\r\na|n\r\nx|1".encode("utf-16-be"),
    ],
    ids=(
        "plain no-end crlf cr-crlf bom bom-quotes blank newline twice nul space-quote quote-space "
        "sep sep-tab sep-quoted sep-capital utf-16-le utf-16-be"
    ).split(),
)
def test_what_is_in_a_cell_does_not_depend_on_how_it_is_written(data):
    assert rows(run(data, "a", "sum(n)")) == [{"a": "x", "sum(n)": 1}]


def test_spaces_are_part_of_a_cell_that_is_not_quoted():
    assert read(b'a\n x\n" x "\nx y\n 5" pipe\n') == [["a"], [" x"], [" x "], ["x y"], [' 5" pipe']]


def test_a_quote_after_spaces_opens_a_cell_of_any_text():
    assert read(b'a, "x, y",b\n "1\n2" , "say ""hi""", "",\n') == [
        ["a", "x, y", "b"],
        ["1\n2", 'say "hi"', "", ""],
    ]


def test_a_space_as_delimiter_stands_between_cells_also_beside_quotes():
    assert read(b'a "b c" d\n "x"\n', " ") == [["a", "b c", "d"], ["", "x"]]


def test_a_byte_order_mark_is_one_at_the_beginning_only():
    done = run(b"\xef\xbb\xbfa\n\xef\xbb\xbfx\nx\n")
    assert [row["a"] for row in rows(done)] == ["x", "\ufeffx"]


def test_a_byte_order_mark_says_the_encoding_whatever_the_params_say():
    assert rows(run(codecs.BOM_UTF8 + "a\né\n".encode(), encoding="windows-1252")) == [
        {"a": "é", "count": 1}
    ]


def test_a_separator_line_is_one_at_the_beginning_only():
    assert rows(run(b"a\nsep=;\n")) == [{"a": "sep=;", "count": 1}]


def test_another_delimiter_may_be_said():
    assert rows(run(b"a\tn\nx,y\t1\n", delimiter="\t")) == [{"a": "x,y", "count": 1}]


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("utf-8", "a\nžluťoučký\n".encode()),
        ("iso-8859-1", b"a\n\xe9t\xe9\n"),
        ("windows-1252", b"a\n\x80\n"),
    ],
)
def test_another_encoding_may_be_said(encoding, data):
    done = run(data, encoding=encoding)
    assert rows(done) == [{"a": data.decode(encoding)[2:-1], "count": 1}]
    assert counts(done) == {"rows": 1}


def test_a_line_feed_inside_a_utf_16_character_ends_no_line():
    # U+010A and U+0A0A have the byte of a line feed, in either half
    for encoding, mark in (("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE)):
        for text in ("Ċ", "ਊਊ", "\u0a00Ċ\u0a00", "😀"):
            assert read(mark + f"a\n{text}\nb".encode(encoding)) == [["a"], [text], ["b"]]


def test_bytes_outside_the_encoding_are_replaced_and_counted():
    done = run(b"a\ncaf\xe9\ncaf\xc3\xa9\n")
    assert [row["a"] for row in rows(done)] == ["café", "caf\ufffd"]
    assert counts(done) == {"rows": 2, "undecodable": 1}
    assert counts(run("a\nx".encode("utf-16") + b"y"))["undecodable"] == 1  # half a character


def test_a_cell_may_have_as_many_characters_as_a_record_has_bytes():
    # the csv module's own limit, which belongs to the whole process, stays as it is
    limit = csv.field_size_limit()
    long = b"POINT(0 0) " * 12_500
    data = b'k,n,shape\na,1,"' + long + b'"\nb,2,' + long + b'\n c,3, "' + long + b'"\n'
    assert rows(run(data, "k", "sum(n)")) == [
        {"k": key, "sum(n)": n} for key, n in ((" c", 3), ("a", 1), ("b", 2))
    ]
    assert csv.field_size_limit() == limit


def test_a_column_whose_name_has_line_breaks_can_be_named():
    data = b'"the\nkey","dist\r\n(km)"\nx,1\nx,2\ny,5\n'
    where = [{"column": "dist\r\n(km)", "op": "lt", "value": 5}]
    done = run(data, "the\nkey", "sum(dist\r\n(km))", where=where)
    assert rows(done) == [{"the\nkey": "x", "sum(dist\r\n(km))": 3}]


def test_a_url_is_read_like_an_upload():
    bench = Bench()
    bench.answers("GET", "https://files.example.com/f.csv", HttpResponse(200, {}, b"a\nx\n"))
    params = {"source": "https://files.example.com/f.csv", "group_by": ["a"], "metrics": ["count"]}
    assert rows(bench.run(report, params)) == [{"a": "x", "count": 1}]


# ── every record counts ──


def test_a_ragged_row_is_counted_and_the_rest_is_added_up():
    done = run(b"a,n\nx,1\nx\n\nx,2,3\nx,4\n \n", "a", "sum(n)")
    assert rows(done) == [{"a": "x", "sum(n)": 5}]
    assert counts(done) == {"rows": 2, "ragged": 3, "blank": 1}


TEXT = st.text(st.sampled_from('ab"\n\r,; é€😀\x00'), max_size=6)
DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from(",;\t|"),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
        "lineterminator": st.just("\r\n"),  # with it, the csv module quotes \r and \n alike
    }
)


@settings(deadline=None)
@given(
    st.lists(st.lists(TEXT, min_size=1, max_size=4), max_size=8),
    DIALECTS,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_records_are_read_as_the_csv_module_wrote_them(table, dialect, encoding):
    table = [["first"], *table]
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerows(table)
    data = text.getvalue().encode(encoding)
    assert read(data, dialect["delimiter"]) == table
    assert read(data, dialect["delimiter"], ThoroughRecords) == table


@settings(deadline=None)
@given(st.text(st.sampled_from('ab", \n\r'), max_size=30))
def test_no_record_is_lost_in_any_text(text):
    """The csv module reads it alike, where it takes it; else the report fails and names a line."""
    assert_counted(text)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(['"', '""', "a", ",", "\n", " ", "\r\n"]), max_size=9)))
def test_no_record_is_lost_among_quotes(pieces):
    assert_counted("\n".join("".join(line) for line in pieces))


def assert_counted(text: str) -> None:
    data = ("k,n\n" + text).encode()
    try:
        as_lines = io.StringIO("k,n\n" + text, newline="\n")
        expected = list(csv.reader(as_lines, strict=True))
    except csv.Error:
        expected = None
    done = run(data, "k", where=[{"column": "k", "op": "eq", "value": "a"}])
    if done.error:
        unread = "None of" in done.error.detail
        assert unread or re.search(r"\bline \d", done.error.detail, re.IGNORECASE)
        assert unread or expected is None or ' "' in text
    else:
        found = read(data)
        assert sum(counts(done).values()) == len(found) - 1
        assert found == expected or ' "' in text or '" ' in text


# ── what cannot be read ──


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b'id,n,note\n1,10,ok\n2,20,"oops\n3,30,ok\n4,40,ok\n', 3),
        (b'id,"n\n1,2\n', 1),
        (b'id,n\n1, "2\n3,4\n', 2),
        (b'id,n\n\n"a\nb",1\n"c\nd"," \n', 6),
    ],
)
def test_a_quote_that_is_never_closed_fails_and_names_the_line_where_it_opens(data, line):
    said = detail(run(data, "id"))
    assert said.startswith(f"The quote that opens on line {line} is never closed.")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b'id,what,n\n1,"5 inch,10\n2,7" pipe,20\n3,plain,30\n', 3),
        (b'id,n\n1,"say "hi""\n', 2),
        (b'id,n\n1,"say \\"hi\\""\n', 2),
        (b'id,n\n"a\nb"c,1\n', 3),
        (b'id,n\n"a\nb","c"d\n', 3),
        (b'id,n\n1, "2" 3\n', 2),
        (b'id,n\n1,"2"\t\n', 2),
    ],
)
def test_text_after_a_closing_quote_fails_and_names_its_line(data, line):
    assert detail(run(data, "id")).startswith(f"Line {line} has text after a closing quote.")


@pytest.mark.parametrize("data", [b"a,b\rx,1\ry,2\r", b"a\nx\ry\n", b'a\n"x"\rx,1\n'])
def test_a_carriage_return_that_ends_no_line_fails_and_names_its_line(data):
    said = detail(run(data))
    assert said.startswith(f"Line {data.count(b'a' + bytes([10])) + 1} has ")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (gzip.compress(b"a\nx\n", mtime=0), "gzip"),
        (b"PK\x03\x04\x14\x00", "xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", ".xls"),
        ("a\nx\n".encode("utf-32"), "UTF-32"),
        ("a,n\nx,1\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
        ("a,n\nx,1\n".encode("utf-16-be"), "UTF-16 without a byte order mark"),
        ("名前\n山\n".encode("utf-16-be"), "UTF-16 without a byte order mark"),
    ],
)
def test_a_file_that_is_no_csv_is_named_as_what_it_is(data, named):
    assert named in detail(run(data))


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b"\xff\xfe", b"sep=;\n"])
def test_an_empty_file_fails_at_once_and_says_so(data):
    assert "it is empty" in detail(run(data))


def test_a_header_alone_gives_an_empty_report_that_says_so():
    done = run(b"a,b\n")
    assert (rows(done), counts(done), done.result["groups"]) == ([], {}, 0)
    assert done.artifacts["report.csv"] == b"a,count\n"
    assert done.logs == ["The report is empty: the CSV has no row after the names of its columns."]


def test_a_report_that_could_read_no_row_fails_and_says_so():
    said = detail(run(b"a\nx,1\n,\ny,z\n\n", "a"))
    assert said.startswith("None of 3 rows could be read: the first line has 1 cells")


def test_a_report_of_which_nothing_was_wanted_says_so():
    done = run(b"a\nx\ny\n", where=[{"column": "a", "op": "eq", "value": "z"}])
    assert (rows(done), counts(done)) == ([], {"filtered": 2})
    assert done.logs == ["The report is empty: `where` holds for none of 2 rows."]


@pytest.mark.parametrize(
    ("endless", "encoding"), [(b"x" * 100, "utf-8"), (b'"x\n",', "utf-8"), (b"\n\n", "utf-16-le")]
)
def test_a_record_without_an_end_is_not_read_to_its_end(endless, encoding, monkeypatch):
    monkeypatch.setattr("chalicelib.tasks.reporting.reading.MAX_RECORD", 10_000)
    start = codecs.BOM_UTF16_LE + b"a\0\n\0" if encoding == "utf-16-le" else b"a\n"
    handed_out = []

    def chunks() -> Iterator[bytes]:
        yield start
        for chunk in [endless] * 20_000:
            handed_out.append(chunk)
            yield chunk

    bench = Bench()
    source = bench.upload(b"")
    monkeypatch.setattr(bench.payloads, "open", lambda key, start: Source(chunks(), None))
    done = bench.run(report, {"source": source, "group_by": ["a"], "metrics": ["count"]})
    assert detail(done).startswith("The record that begins on line 2 is over 1 MiB")
    assert len(b"".join(handed_out)) < 40_000


def test_a_limit_that_other_tasks_set_on_cells_changes_nothing():
    limit = csv.field_size_limit(3)
    try:
        assert read(b'a\n"long, ""longer"""\n') == [["a"], ['long, "longer"']]
    finally:
        csv.field_size_limit(limit)
