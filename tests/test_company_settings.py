"""Settings > Account and Brands, the audit log, and what typed text becomes (FEATURES 9.3, 9.6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin
from sqlalchemy import select
from werkzeug.datastructures import FileStorage

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.audit import AuditDetails, AuditEvent
from pillar.models.tenant import OnAcceptance, Tenant
from pillar.money import TaxRounding
from pillar.permissions import Role
from pillar.services import logos
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.pages import Page

COMPANY = "/admin/settings/company/"
BRAND = "/admin/settings/brand/"
AUDIT = "/admin/audit/"


@pytest.fixture
def admin(client: PillarClient, acme: Company) -> PillarClient:
    return client.sign_in(acme.staff[Role.ADMIN].email)


def tenant(company: Company) -> Tenant:
    with company.scope() as row:
        return row


def save(client: PillarClient, **changes: object) -> Page:
    return client.submit(client.page(COMPANY), **changes)


def last_event(company: Company) -> tuple[str, dict[str, object]]:
    with company.scope():
        row = db.session.execute(
            select(AuditEvent.action, AuditDetails.body)
            .join(AuditDetails, AuditDetails.event_id == AuditEvent.id)
            .order_by(AuditEvent.n.desc())
        ).first()
    assert row is not None
    return row.action, json.loads(row.body)


def test_the_account_is_saved(admin: PillarClient, acme: Company, rival: Company) -> None:
    page = save(
        admin,
        name="Acme Heating",
        phone_e164="(937) 555-0199",
        email="Front@Acme.example",
        street="1 Main St",
        postal_code="45402",
        hours="Mon to Fri",
        time_zone="America/Chicago",
        tax_rate_ppm="7.25",
        tax_rounding="line",
        estimate_valid_days="45",
        default_terms="Half now.\r\nHalf later.",
        on_acceptance="office_converts",
    )
    assert (page.status, page.location) == (303, COMPANY)
    row = tenant(acme)
    assert (row.name, row.phone_e164, row.email) == ("Acme Heating", "+19375550199", "front@acme.example")
    assert (row.time_zone, row.tax_rate_ppm, row.tax_rounding) == (
        "America/Chicago",
        72_500,
        TaxRounding.LINE,
    )
    assert (row.estimate_valid_days, row.default_terms) == (45, "Half now.\nHalf later.")
    assert row.on_acceptance is OnAcceptance.OFFICE_CONVERTS
    assert tenant(rival).name == "Rival Air"
    action, details = last_event(acme)
    assert action == "company.settings_changed"
    assert details["before"]["name"] == "Acme HVAC"  # type: ignore[index]
    assert details["after"]["name"] == "Acme Heating"  # type: ignore[index]
    assert "city" not in details["after"]  # type: ignore[operator]


def test_the_form_shows_what_is_saved(admin: PillarClient, acme: Company) -> None:
    save(admin, phone_e164="937 555 0199", tax_rate_ppm="8.875")
    values = admin.page(COMPANY).form().values()
    assert (values["phone_e164"], values["tax_rate_ppm"]) == ("(937) 555-0199", "8.875")


def test_saving_nothing_new_leaves_no_event(admin: PillarClient, acme: Company) -> None:
    before = last_event(acme)
    assert save(admin).status == 303
    assert last_event(acme) == before


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("name", ""),
        ("name", " \u202e\x00 "),
        ("name", "x" * 201),
        ("phone_e164", "call me"),
        ("phone_e164", "9" * 300),
        ("email", "acme"),
        ("city", "x" * 101),
        ("tax_label", ""),
        ("tax_rate_ppm", ""),
        ("tax_rate_ppm", "101"),
        ("tax_rate_ppm", "-1"),
        ("tax_rate_ppm", "NaN"),
        ("tax_rate_ppm", "1e999999"),
        ("tax_rate_ppm", "7.123456"),
        ("estimate_valid_days", "0"),
        ("estimate_valid_days", "366"),
        ("estimate_valid_days", "9" * 5_000),
        ("estimate_valid_days", "soon"),
        ("default_terms", "x" * 20_001),
    ],
)
def test_what_will_not_do_is_said_beside_the_field(
    admin: PillarClient, acme: Company, field: str, typed: str
) -> None:
    page = save(admin, **{"street": "9 Kept Road", field: typed})
    assert page.status == 422
    assert page.error_for(field)
    assert page.all(f'#errors a[href="#{field}"]')
    assert page.one('[name="street"]')["value"] == "9 Kept Road"
    assert tenant(acme).street != "9 Kept Road"


@pytest.mark.parametrize("field", ["time_zone", "tax_rounding", "on_acceptance"])
def test_only_offered_choices_are_taken(admin: PillarClient, acme: Company, field: str) -> None:
    sent = admin.page(COMPANY).form().filled()
    for value in ("", "Mars/Olympus", "\x00"):
        sent[field] = value
        assert admin.post(COMPANY, data=sent).status_code == 422


def test_two_admins_do_not_undo_each_other(
    admin: PillarClient, acme: Company, new_client: Callable[[], PillarClient]
) -> None:
    other = new_client().sign_in(acme.staff[Role.ADMIN].email)
    mine, theirs = admin.page(COMPANY), other.page(COMPANY)
    assert other.submit(theirs, city="Xenia").status == 303
    told = admin.submit(mine, hours="Always")
    assert told.status == 409
    assert "Someone else" in told.text
    assert tenant(acme).city == "Xenia"
    assert admin.submit(told, city="Xenia").status == 303
    assert (tenant(acme).city, tenant(acme).hours) == ("Xenia", "Always")


def test_the_slug_cannot_be_changed(acme: Company) -> None:
    with acme.scope() as row, pytest.raises(RuleViolation):
        row.slug = "another"


# Brand


def picture(kind: str = "PNG", size: tuple[int, int] = (900, 300), **options: object) -> FileStorage:
    stream = BytesIO()
    mode = "RGB" if kind == "JPEG" else "RGBA"
    Image.new(mode, size, "navy").save(stream, kind, **options)
    return upload(stream.getvalue())


def upload(body: bytes) -> FileStorage:
    return FileStorage(BytesIO(body), "../../logo.svg", content_type="image/svg+xml")


def brand(client: PillarClient, press: str = "save", **changes: object) -> Page:
    return client.submit(client.page(BRAND), press, **changes)


def test_the_brand_reaches_the_portal(admin: PillarClient, acme: Company) -> None:
    assert brand(admin, display_name="Acme Comfort", primary_color="#1A73E8", logo=picture()).status == 303
    portal = admin.page("/portal/acme-hvac")
    assert "Acme Comfort" in portal.text
    assert "#1a73e8" in portal.html.lower()
    logo = portal.one('img[src^="/portal/acme-hvac/logo/"]')["src"]
    answer = admin.get(str(logo))
    assert answer.content_type == "image/png"
    assert Image.open(BytesIO(answer.data)).size == (512, 171)
    assert last_event(acme)[0] == "company.brand_changed"


def test_a_logo_is_the_companys_own(admin: PillarClient, acme: Company, rival: Company) -> None:
    brand(admin, logo=picture())
    key = tenant(acme).logo_key
    assert admin.get(f"/portal/acme-hvac/logo/{key}").status_code == 200
    assert admin.get(f"/portal/rival-air/logo/{key}").status_code == 404
    assert admin.get("/portal/acme-hvac/logo/..%2f..%2fsecrets.env").status_code == 404


def test_a_logo_can_be_taken_away(admin: PillarClient, acme: Company) -> None:
    brand(admin, logo=picture())
    assert brand(admin, remove_logo=True).status == 303
    assert not tenant(acme).logo_key


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_logo_is_drawn_again(admin: PillarClient, acme: Company, database: Bed, kind: str) -> None:
    brand(admin, logo=picture(kind))
    path = logos.logo_path(database.config.data_dir, acme.public_id, tenant(acme).logo_key)
    assert path is not None
    assert path.read_bytes().startswith(b"\x89PNG")


def test_nothing_but_the_picture_is_kept(tmp_path: Path) -> None:
    hidden = PngImagePlugin.PngInfo()
    hidden.add_text("Comment", "where I live")
    stored = picture(size=(20, 20), pnginfo=hidden)
    key = logos.store_logo(tmp_path, "acme", stored.stream)
    body = (tmp_path / "files" / "acme" / key).read_bytes()
    assert b"where I live" not in body
    assert Image.open(BytesIO(body)).info == {}


def png_of(width: int, height: int) -> bytes:
    """A tiny file whose header claims a huge picture."""
    body = picture(size=(1, 1)).read()
    return body[:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + body[24:]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"GIF89a",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 200,
        png_of(50_000, 50_000),
        png_of(5_000, 5_000),
        picture().read()[:400],
        b"RIFF\x00\x00\x00\x00WEBPVP8 ",
        b"\xff\xd8\xff\xe0\x00\x10JFIF",
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(RuleViolation):
        logos.store_logo(tmp_path, "acme", BytesIO(body))
    assert not list(tmp_path.rglob("*.png"))


def test_a_refused_logo_keeps_what_was_typed(admin: PillarClient, acme: Company) -> None:
    page = brand(admin, display_name="Acme Comfort", logo=upload(b"not a picture"))
    assert page.status == 422
    assert page.error_for("logo")
    assert page.one('[name="display_name"]')["value"] == "Acme Comfort"
    assert not tenant(acme).display_name


@pytest.mark.parametrize("color", ["red", "#12345", "#12345g", "1A73E8", "#1A73E8;}", "url(x)"])
def test_a_color_that_is_none(admin: PillarClient, acme: Company, color: str) -> None:
    page = brand(admin, primary_color=color)
    assert page.status == 422
    assert page.error_for("primary_color")


@pytest.mark.parametrize(
    ("typed", "picked", "saved"),
    [("", "#AA2200", "#AA2200"), ("#1A73E8", "#AA2200", "#1A73E8"), ("", "#27548a", ""), ("", "red", "")],
)
def test_the_typed_color_wins_over_the_picked_one(
    admin: PillarClient, acme: Company, typed: str, picked: str, saved: str
) -> None:
    sent = admin.page(BRAND).form().filled("save", primary_color=typed)
    sent["picked_color"] = picked
    assert admin.post(BRAND, data=sent).status_code == 303
    assert tenant(acme).primary_color == saved


def test_a_look_before_saving_saves_nothing(admin: PillarClient, acme: Company) -> None:
    page = brand(admin, "preview", primary_color="#FFEE00", display_name="Acme Sun")
    assert page.status == 200
    assert "#ffee00" in page.html
    assert page.one('[name="primary_color"]')["value"] == "#FFEE00"
    assert not tenant(acme).primary_color


# Audit log


def test_the_log_shows_who_did_what(admin: PillarClient, acme: Company) -> None:
    save(admin, city="Xenia")
    page = admin.page(AUDIT)
    assert "Company settings changed" in page.text
    assert "Admin Acme" in page.text
    shown = admin.page(page.link("Company settings changed"))
    assert "Dayton → Xenia" in shown.text


def test_erased_details_leave_the_event(admin: PillarClient, acme: Company) -> None:
    save(admin, city="Xenia")
    path = admin.page(AUDIT).link("Company settings changed")
    with acme.scope():
        for details in db.session.scalars(select(AuditDetails)):
            db.session.delete(details)
        db.session.commit()
    assert "were erased" in admin.page(path).text


@pytest.mark.parametrize("name", ["0", "999999", "9" * 40, "x", "-1", "²"])
def test_no_event_of_that_number(admin: PillarClient, acme: Company, name: str) -> None:
    assert admin.get(f"{AUDIT}{name}").status_code == 404
