"""A dirty row becomes clean values or a reason, whatever stands in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillar.errors import RuleViolation
from pillar.services.imports.letter_case import Style, readable
from pillar.services.imports.states import state_code
from pillar.services.imports.tidying import Address, coordinates, is_missing, postal_code, tidy
from pillar.spreadsheet_cells import csv_text, safe_cell

COLUMNS = (
    "external_id company name first_name last_name contact email phone service_street service_street_2 "
    "service_city service_state service_zip service_plus_4 billing_street billing_city billing_zip "
    "latitude longitude tags"
).split()
CELLS = st.text() | st.sampled_from(
    ["M", "-3", "SAME AS ST. ADDRESS", "1833", "+1 (937) 555-0142", "a@b.example", "nan"]
)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("O'FALLON PUBLIC LIBRARY", "O'Fallon Public Library"),
        ("YOUNG MEN'S LIBRARY ASSOCIATION", "Young Men's Library Association"),
        ("JESSIE E. MCCULLY MEMORIAL LIBRARY", "Jessie E. McCully Memorial Library"),
        ("MACDADE AND MACON", "MacDade and Macon"),
        ("E.C. SCRANTON MEMORIAL LIBRARY", "E.C. Scranton Memorial Library"),
        ("FAULKNER-VAN BUREN REGIONAL LIBRARY", "Faulkner-Van Buren Regional Library"),
        ("TLL TEMPLE MEMORIAL LIBRARY & ARCHIVES", "TLL Temple Memorial Library & Archives"),
        ("MT. JULIET-WILSON COUNTY", "Mt. Juliet-Wilson County"),
        ("FRIENDS OF THE LIBRARY OF WILTON, INC.", "Friends of the Library of Wilton, Inc."),
        ("SMITH HVAC LLC", "Smith HVAC LLC"),
        ("HENRY FORD III", "Henry Ford III"),
        ("IBM", "IBM"),
        ("McDonald's", "McDonald's"),
        ("bell hooks", "bell hooks"),
    ],
)
def test_a_name_in_capitals_becomes_readable(raw, shown):
    assert readable(raw) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("104 2ND ST NE", "104 2nd St NE"),
        ("814 WEST RIVER CENTER DR, N.E.", "814 West River Center Dr, N.E."),
        ("P.O. BOX 520829", "P.O. Box 520829"),
        ("PO BOX 2933, SHAWNEE MISSION, KS 66", "PO Box 2933, Shawnee Mission, KS 66"),
        ("1050 MONTEREY ST., RM 125", "1050 Monterey St., Rm 125"),
        ("1 MAIN ST, C/O HOPI EDUCATION DEPT", "1 Main St, c/o Hopi Education Dept"),
        ("372 S FM 356 STE 103", "372 S FM 356 Ste 103"),
        ("N112W16957 MEQUON RD.", "N112W16957 Mequon Rd."),
        ("RR2 BOX 9", "RR2 Box 9"),
        ("2964 VT RTE. 110", "2964 VT Rte. 110"),
        ("1 AVENUE OF THE AMERICAS", "1 Avenue of the Americas"),
        ("7272 K-4 HWY, STE D", "7272 K-4 Hwy, Ste D"),
    ],
)
def test_a_street_in_capitals_becomes_readable(raw, shown):
    assert readable(raw, Style.STREET) == shown


@pytest.mark.parametrize(
    ("raw", "plus_4", "clean"),
    [
        ("1833", "", "01833"),
        ("601", "", "00601"),
        ("99603", "7849", "99603-7849"),
        ("7066", "12", "07066-0012"),
        ("99652", "M", "99652"),
        ("45402-0000", "", "45402"),
        ("454021234", "", "45402-1234"),
        ("1833.0", "21.0", "01833-0021"),
        ("k1a 0b1", "", "K1A 0B1"),
        ("", "1234", ""),
    ],
)
def test_zip_codes_get_their_zeros_back(raw, plus_4, clean):
    assert postal_code(raw, plus_4) == clean


@pytest.mark.parametrize("mark", ["", " ", "M", "m", "-3", "-4", "-9", "N/A", "null"])
def test_what_stands_for_nothing_is_missing(mark):
    assert is_missing(mark)
    row = tidy({"company": "A", "phone": mark, "service_street": mark, "service_zip": mark, "email": mark})
    assert (row.phones, row.service, row.emails) == ((), Address(), ())


def test_the_same_as_above_is_the_service_address():
    row = tidy(
        {
            "company": "BLACKWELL",
            "service_street": "123 WEST PADON",
            "service_city": "BLACKWELL",
            "service_state": "OK",
            "service_zip": "74631",
            "service_plus_4": "2805",
            "billing_street": "SAME AS ST. ADDRESS",
            "billing_city": "BLACKWELL",
        }
    )
    assert row.billing == row.service == Address("123 West Padon", "Blackwell", "OK", "74631-2805")


def test_a_box_for_mail_keeps_its_own_zip_code():
    row = tidy(
        {
            "name": "Ann",
            "service_street": "1 Oak",
            "service_zip": "7066",
            "service_plus_4": "12",
            "billing_street": "P O BOX 7",
            "billing_zip": "7067",
        }
    )
    assert (row.service.postal_code, row.billing.street, row.billing.postal_code) == (
        "07066-0012",
        "P O Box 7",
        "07067",
    )


def test_names_of_people_and_companies():
    both = tidy({"company": "ACME", "first_name": "M", "last_name": "Null"})
    assert (both.name, both.person, both.is_company) == ("ACME", "M Null", True)
    alone = tidy({"name": "ANN O`NEAL"})
    assert (alone.name, alone.person, alone.is_company) == ("Ann O'Neal", "Ann O'Neal", False)


def test_every_number_is_kept_and_read_where_it_can_be():
    row = tidy(
        {
            "name": "Ann",
            "phone": "9375550142; ext. office\n(937) 555-0142\n9375550143.0",
        }
    )
    assert [(phone.raw, phone.e164) for phone in row.phones] == [
        ("9375550142", "+19375550142"),
        ("ext. office", ""),
        ("9375550143", "+19375550143"),
    ]


def test_email_addresses_are_small_and_several():
    assert tidy({"name": "Ann", "email": "Ann@B.Example; mailto:bob@b.example"}).emails == (
        "ann@b.example",
        "bob@b.example",
    )


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"phone": "1"}, "There is no name in this row."),
        ({"company": "-3"}, "There is no name in this row."),
        ({"name": "Ann", "email": "ann at home"}, "“ann” is not an email address."),
        ({"name": "x" * 201}, "The name is longer than 200 characters."),
        ({"name": "Ann", "service_city": "x" * 101}, "The service city is longer than 100 characters."),
    ],
)
def test_what_cannot_come_in_says_why(cells, reason):
    with pytest.raises(RuleViolation, match=reason) as refusal:
        tidy(cells)
    assert refusal.value.message == reason


@pytest.mark.parametrize(
    ("latitude", "longitude", "pin"),
    [
        ("61.5475", "-149.819", (61.5475, -149.819)),
        ("91", "0", (None, None)),
        ("0", "0", (None, None)),
        ("nan", "1", (None, None)),
        ("inf", "1", (None, None)),
        ("", "-149", (None, None)),
        ("1", "180.1", (None, None)),
    ],
)
def test_coordinates_count_only_on_the_globe(latitude, longitude, pin):
    assert coordinates(latitude, longitude) == pin


@pytest.mark.parametrize(
    ("typed", "code"), [("oh", "OH"), ("O.H.", "OH"), ("new york", "NY"), ("Ontario", "Ontario")]
)
def test_states(typed, code):
    assert state_code(typed) == code


@given(st.dictionaries(st.sampled_from(COLUMNS), CELLS))
def test_any_row_is_clean_or_has_a_reason(cells):
    try:
        row = tidy(cells)
    except RuleViolation as refusal:
        reason = refusal.message
    else:
        reason = ""
    if reason:
        return
    assert 0 < len(row.name) <= 200
    assert "\0" not in repr(row)
    assert all(len(part) <= 200 for part in (row.service.street, row.billing.street))
    assert all(len(phone.raw) <= 80 for phone in row.phones)


@given(st.text(), st.sampled_from(Style))
def test_tidy_case_changes_only_once(text, style):
    once = readable(text, style)
    assert readable(once, style) == once


@given(st.text(), st.text())
def test_a_tidy_zip_code_stays(raw, plus_4):
    once = postal_code(raw, plus_4)
    assert postal_code(once) == once


@given(st.text())
def test_a_tidy_state_stays(text):
    assert state_code(state_code(text)) == state_code(text)


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-2+3", "@x", "\t=1", "\r=1", "+1 (937) 555-0142"])
def test_formulas_are_dead_in_a_download(cell):
    assert safe_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-3", "-149.819", "+5", "12", "Ann", "a=b", ""])
def test_numbers_and_words_stay_in_a_download(cell):
    assert safe_cell(cell) == cell


def test_a_download_opens_in_excel():
    assert csv_text(["=A"], [["x,y"]]) == '\ufeff\'=A\r\n"x,y"\r\n'
