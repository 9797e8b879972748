"""Whatever is sent as a spreadsheet is read, or refused in one sentence with nothing kept (6.7)."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from pillar.errors import RuleViolation
from pillar.services.imports import files, limits, reading
from pillar.services.imports.addresses import split_address
from pillar.services.imports.columns import heads_digest
from pillar.services.imports.files import receive_file
from pillar.services.imports.origins import guess
from pillar.services.imports.tables import open_table
from pillar.services.imports.tidying import tidy
from pillar.services.imports.workbooks import cell_text

SAMPLES = Path(__file__).parent / "samples"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
XLSX_HEAD = ("Name", "Phone", "ZIP", "City")


def workbook(*rows: tuple, title: str = "Sheet") -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, body in parts.items():
            package.writestr(name.replace("__", "/"), body)
    return out.getvalue()


def read(folder: Path, body: bytes) -> tuple[list[str], list[tuple[int, list[str]]]]:
    received = receive_file(folder, "c", io.BytesIO(body))
    table = open_table(folder / "files" / "c" / "imports" / received.key)
    rows = list(table.rows())
    assert len(rows) == received.rows
    return list(table.heads), rows


def left_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_every_encoding_and_separator(tmp_path, encoding, separator):
    lines = [["Größe", "Name", "City"], ["x", "Zoë", "Oak\nHill"], ["", "", ""], ["y", 'A "B"', "1,2;3"]]
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\r\n").writerows(lines)
    heads, rows = read(tmp_path, out.getvalue().encode(encoding))
    assert heads == lines[0]
    assert [row for _n, row in rows] == [lines[1], lines[3]]
    assert [n for n, _row in rows] == [2, 4]


@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12),
            min_size=2,
            max_size=2,
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_is_written_is_read(tmp_path_factory, rows, separator, encoding):
    """Any text in any cell comes back as the program would clean it."""
    out = io.StringIO()
    csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([["Name", "City"], *rows])
    expected = [
        cleaned
        for row in rows
        if any(cleaned := [files._cell(cell) for cell in row])
        or any(cell.strip(reading._BLANK) for cell in row)
    ]
    folder = tmp_path_factory.mktemp("x")
    body = out.getvalue().encode(encoding)
    if not expected:
        with pytest.raises(RuleViolation, match=limits.NO_ROWS):
            read(folder, body)
        return
    _heads, found = read(folder, body)
    assert [row for _n, row in found] == expected


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", limits.EMPTY),
        (b" \r\n \r\n", limits.EMPTY),
        (b"\n" * 2_000_000, limits.EMPTY),
        (b",,,\n" * 500_000, limits.EMPTY),
        (b"Name,City\n" + b"\n" * 2_000_000, limits.NO_ROWS),
        (PNG, limits.NO_TEXT),
        (b"%PDF-1.7\n%text\n1 0 obj", limits.NO_TEXT),
        (b"\xff\xd8\xff\xe0 JFIF", limits.NO_TEXT),
        (b"Name,City\nAnn\0,Dayton\n", limits.NO_TEXT),
        (b"Name,City\n" + b"Ann,Dayton\n" * 20_000 + b"Bob\0,Troy\n", limits.NO_TEXT),
        (b"<!DOCTYPE html><table><tr><td>Name</td></tr></table>", limits.WEB_PAGE),
        (b"\n<html><body>Name,City</body></html>", limits.WEB_PAGE),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, limits.OLD_WORKBOOK),
        (b"PK\x03\x04xl/workbook.xml", limits.NO_WORKBOOK),
        (zipped(mimetype=b"application/vnd.oasis"), limits.NO_WORKBOOK),
        (zipped(**{"[Content_Types].xml": b"<Types/>", "xl__workbook.xml": b"no xml"}), limits.NO_WORKBOOK),
        (zipped(**{"xl__worksheets__sheet1.xml": b"\0" * 30_000_000}), limits.INFLATED),
        (zipped(**{"xl__sharedStrings.xml": b"\0" * 101_000_000}), limits.INFLATED),
        (workbook(), limits.EMPTY),
        (workbook(*[(None, "")] * 50), limits.EMPTY),
        (workbook(("Name", "City")), limits.NO_ROWS),
        (b"Dear team\nplease call everybody\nthank you\n", limits.ONE_COLUMN),
        (b"just one line of prose, no table", limits.NO_ROWS),
        (b"Dear team, one, two\nplease call\neverybody\nthank you\n", limits.NO_TABLE),
        (b"Name,City\n", limits.NO_ROWS),
        (
            ",".join(["Name", *map(str, range(299))]).encode() + b"\nAnn",
            "This file has 300 columns; 200 is the most.",
        ),
        (workbook(("Name", *map(str, range(299))), ("Ann",)), "201 columns; 200 is the most."),
        (b"Name,City\nAnn," + b"x" * 2_000_000, "Near line 2 a cell is longer than 32,767 characters."),
        (b'Name,City\n"Ann,' + b"x\n" * 100_000, "a cell is longer than 32,767 characters."),
        (b"x" * 3_000_000, "a cell is longer than 32,767 characters."),
        (b"Name,City\n" + b"a,b\n" * 2_001, limits.TOO_MANY_ROWS),
    ],
    ids=lambda value: value[:28] if isinstance(value, str) else "",
)
def test_what_is_no_table_is_refused_in_a_sentence(tmp_path, body, sentence, monkeypatch):
    monkeypatch.setattr(files, "MAX_ROWS", 2_000)
    with pytest.raises(RuleViolation) as refusal:
        receive_file(tmp_path, "c", io.BytesIO(body))
    assert sentence in refusal.value.message
    assert refusal.value.field == "file"
    assert left_in(tmp_path) == []


def test_a_file_that_is_too_large_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 1_000_000)
    with pytest.raises(RuleViolation, match="larger than 50 MB"):
        receive_file(tmp_path, "c", io.BytesIO(b"Name,City\n" + b"x,y\n" * 500_000))
    assert left_in(tmp_path) == []


def test_cells_of_a_workbook_become_what_a_person_would_type(tmp_path):
    body = workbook(
        ("My customers",),
        (),
        XLSX_HEAD,
        ("Ann", 9375550142.0, 1833, "=1+1"),
        (None, None, None, None),
        ("Bob", 9375550143, "01833", date(2026, 3, 1)),
    )
    heads, rows = read(tmp_path, body)
    assert heads == list(XLSX_HEAD)
    assert rows == [(4, ["Ann", "9375550142", "1833"]), (6, ["Bob", "9375550143", "01833", "2026-03-01"])]
    columns = guess(heads)[1]
    ann = tidy(dict(zip(columns, rows[0][1], strict=False)))
    assert (ann.service.postal_code, ann.phones[0].e164) == ("01833", "+19375550142")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "TRUE"),
        (45402.0, "45402"),
        (0.1 + 0.2, "0.3"),
        (1e20, "100000000000000000000"),
        (float("nan"), ""),
        (12, "12"),
        (datetime(2026, 3, 1, 14, 5), "2026-03-01 14:05"),
        (datetime(2026, 3, 1), "2026-03-01"),
        ("x", "x"),
    ],
)
def test_a_cell_is_text(value, text):
    assert cell_text(value) == text


def test_a_workbook_of_many_rows(tmp_path):
    rows = (("Name", "City"), *((f"Customer {n}", "Dayton") for n in range(1_500)))
    assert len(read(tmp_path, workbook(*rows))[1]) == 1_500


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ('="00123"', "00123"),
        ("'=1+1", "=1+1"),
        ("'-5", "-5"),
        ("'tis", "'tis"),
        ("=1+1", "=1+1"),
        ("a\0b", "ab"),
    ],
)
def test_marks_that_only_guard_a_cell_are_taken_off(cell, kept):
    assert files._cell(cell) == kept


@pytest.mark.parametrize("name", ["jobber", "housecall", "quickbooks"])
def test_exports_are_known_by_their_headings(tmp_path, name):
    heads, rows = read(tmp_path, (SAMPLES / f"{name}.csv").read_bytes())
    origin, columns = guess(heads)
    assert origin == name
    path = next(left_in(tmp_path).__iter__())
    people = []
    for _n, row in rows:
        try:
            people.append(tidy(open_table(path, columns).named(row)))
        except RuleViolation as refusal:
            people.append(refusal.message)
    if name == "jobber":
        kay, again, oak = people
        assert (kay.external_id, again.external_id, kay.tags) == ("1001", "1001", ("VIP", "Plan"))
        assert kay.service.street == "123 Main St"
        assert (again.service.street, again.label) == ("7 Lake Rd, Unit 2", "Cabin")
        assert kay.emails == ("kay@weaver.example", "k2@weaver.example")
        assert [phone.e164[-4:] for phone in kay.phones] == ["0161", "0162"]
        assert (oak.is_company, oak.is_inactive, kay.is_inactive, oak.person) == (
            True,
            True,
            False,
            "Ned Oak",
        )
    elif name == "housecall":
        (sam,) = people
        assert (sam.external_id, sam.service.postal_code, sam.tags) == ("00071", "07601", ("Do not service",))
        assert sam.access_notes == "Gate 1234\ndog"
        assert sam.billing.street == "5 Office Park"
        assert [place.address.street for place in sam.places] == ["9 Reply Rd, Apt 4", "5 Office Park"]
    else:
        fenwick, gus, last = people
        assert (fenwick.person, fenwick.billing.city, fenwick.billing.street) == (
            "Ada Fenwick",
            "Greenbank",
            "12 Larkspur Way, STE 4",
        ) or fenwick.billing.street == "12 Larkspur Way, STE 4"
        assert [phone.e164[-4:] for phone in fenwick.phones] == ["0181", "0182"]
        assert (gus.service.street, gus.service.postal_code) == ("412 Alder Street", "45402")
        assert last == "This is the last line of a report, not a customer."


def test_two_hundred_addresses_of_housecall_are_not_too_many_columns(tmp_path):
    heads = [
        "ID",
        "Display Name",
        *(
            f"Address_{n} {part}"
            for n in range(1, 60)
            for part in ("Street Line 1", "City", "State", "Postal Code")
        ),
    ]
    row = ["1", "Ann", *(value for n in range(1, 60) for value in (f"{n} Oak", "Dayton", "OH", "45402"))]
    found, rows = read(tmp_path, "\n".join(",".join(line) for line in (heads, row)).encode())
    assert len(tidy(dict(zip(guess(found)[1], rows[0][1], strict=True))).places) == 59


def test_the_order_and_case_of_headings_are_the_same_headings():
    assert heads_digest(["Name", "E-Mail"]) == heads_digest(["e mail", "NAME"]) != heads_digest(["Name"])


@given(st.text(max_size=80))
def test_no_word_of_an_address_is_lost(cell):
    def words(text: str) -> set[str]:
        return {word.strip(" ,.").casefold() for word in text.replace("•", " ").replace(",", " ").split()} - {
            ""
        }

    missing = words(files._cell(cell)) - words(" ".join(split_address(files._cell(cell))))
    assert not {word for word in missing if any(char.isalnum() for char in word)} - {
        "us",
        "usa",
        "u.s",
        "u.s.a",
        "united",
        "states",
        "of",
        "america",
    }
