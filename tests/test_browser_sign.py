"""A customer signs on a phone, at a desk, with the keyboard alone and without a script."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import Estimate, Job, Signature
from pillar.permissions import Role
from tests.support import browser as browsers
from tests.support import estimates as making
from tests.support.cast import PASSWORD, Company
from tests.support.databases import Kind

pytestmark = [
    pytest.mark.browser,
    pytest.mark.only_on(Kind.SQLITE, "what a browser does does not depend on the database"),
]

PAD = "#pad canvas"
INKED = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let dark = 0;
  for (let i = 3; i < data.length; i += 4) dark += data[i] > 100;
  return dark;
}"""
Stroke = list[tuple[float, float]]


@pytest.fixture
def link(acme: Company) -> str:
    """The private link of a sent estimate, as the message carries it."""
    return f"/quote/{making.make_sent(acme)}"


def signature(company: Company) -> dict[str, Any]:
    """What was stored, as plain values."""
    with company.scope():
        row = db.session.scalars(select(Signature)).one()
        return {
            "method": row.method.value,
            "name": row.signer_name,
            "strokes": json.loads(row.strokes) if row.strokes else None,
            "png": row.image_png,
        }


def at(page: Page, stroke: Stroke) -> Stroke:
    """Shares of the pad as points on the screen, with the pad in the middle of it."""
    page.evaluate("document.getElementById('pad').scrollIntoView({block: 'center', behavior: 'instant'})")
    page.wait_for_function("() => Boolean(window.SignaturePad)")
    box = page.locator(PAD).bounding_box()
    assert box is not None
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]


def touch(page: Page, stroke: Stroke) -> None:
    """Draw one stroke with a finger, as the touch screen would report it."""
    points = at(page, stroke)
    screen = page.context.new_cdp_session(page)

    def report(kind: str, *where: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y} for x, y in where]
        screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    report("touchStart", points[0])
    for point in points[1:]:
        report("touchMove", point)
        page.wait_for_timeout(8)
    report("touchEnd")
    screen.detach()


def drag(page: Page, stroke: Stroke) -> None:
    """Draw one stroke with the mouse."""
    points = at(page, stroke)
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=3)
    page.mouse.up()


WAVE: Stroke = [(0.1 + n * 0.06, 0.3 if n % 2 else 0.7) for n in range(14)]
FLOURISH: Stroke = [(0.2, 0.85), (0.5, 0.8), (0.85, 0.9)]
DOT: Stroke = [(0.5, 0.5), (0.505, 0.5)]


def fill_in(page: Page, name: str = "John Mitchell") -> None:
    page.get_by_label("Your full name").fill(name)
    page.get_by_label("I approve Water heater replacement for $2,464.13").check()


def press(page: Page) -> None:
    page.get_by_role("button", name="Approve and sign").click()


def strokes_of(page: Page) -> list[Any]:
    """What the form would post."""
    value = page.evaluate("document.querySelector('[data-sign]').elements.strokes.value")
    return list(json.loads(value)["strokes"]) if value else []


def test_with_a_finger_on_a_phone(acme: Company, link: str, phone: Page) -> None:
    phone.goto(link)
    assert browsers.fits(phone)
    bar = phone.locator("[data-bar]")
    assert bar.is_visible()
    bar.get_by_role("link", name="Review and sign").tap()
    assert phone.get_by_label("Draw").is_checked()
    touch(phone, WAVE)
    touch(phone, FLOURISH)
    # One button at a time: the bar is gone while the form is on screen.
    assert bar.is_hidden()
    assert browsers.axe(phone) == []
    fill_in(phone)
    press(phone)
    phone.wait_for_url(f"**{link}/approved")
    assert phone.get_by_role("heading", level=1).inner_text() == "Approved. Thank you, John."
    picture = phone.get_by_alt_text("Signature of John Mitchell")
    assert picture.evaluate("image => image.complete && image.naturalWidth") == 800
    assert browsers.axe(phone) == []
    assert browsers.fits(phone)
    stored = signature(acme)
    assert (stored["method"], stored["name"]) == ("draw", "John Mitchell")
    assert len(stored["strokes"]["strokes"]) == 2
    assert stored["png"].startswith(b"\x89PNG")


def test_with_the_mouse_at_a_desk(acme: Company, link: str, desk: Page) -> None:
    desk.goto(link)
    desk.get_by_label("Draw").check()
    drag(desk, DOT)
    desk.get_by_role("button", name="Clear").click()
    assert strokes_of(desk) == []
    drag(desk, WAVE)
    fill_in(desk)
    press(desk)
    desk.wait_for_url(f"**{link}/approved")
    stored = signature(acme)
    assert stored["method"] == "draw"
    assert len(stored["strokes"]["strokes"]) == 1


def test_with_the_keyboard_alone(acme: Company, link: str, desk: Page) -> None:
    desk.goto(link)

    def tab_to(label: str) -> None:
        for _ in range(40):
            desk.keyboard.press("Tab")
            if desk.get_by_label(label, exact=False).evaluate_all(
                "all => all.includes(document.activeElement)"
            ):
                return
        pytest.fail(f"nothing labelled {label!r} can be reached with Tab")

    desk.keyboard.press("Tab")
    assert desk.evaluate("document.activeElement.textContent") == "Skip to content"
    tab_to("Draw")
    desk.keyboard.press("ArrowRight")
    assert desk.get_by_label("Type", exact=True).is_checked()
    assert desk.locator(PAD).is_hidden()
    tab_to("Your full name")
    desk.keyboard.type("Joan O'Neill")
    assert desk.locator("[data-typed]").inner_text() == "Joan O'Neill"
    tab_to("I approve")
    desk.keyboard.press("Space")
    desk.keyboard.press("Enter")
    desk.wait_for_url(f"**{link}/approved")
    stored = signature(acme)
    assert (stored["method"], stored["name"], stored["png"]) == ("type", "Joan O'Neill", None)


def test_the_phone_is_turned_in_the_middle(acme: Company, link: str, phone: Page) -> None:
    phone.goto(link)
    phone.locator("[data-bar]").get_by_role("link").tap()
    touch(phone, WAVE)
    before = strokes_of(phone)
    phone.set_viewport_size({"width": 844, "height": 390})
    phone.wait_for_timeout(100)
    assert strokes_of(phone) == before
    assert phone.locator(PAD).evaluate(INKED) > 200
    assert browsers.fits(phone)
    touch(phone, FLOURISH)
    phone.set_viewport_size({"width": 390, "height": 844})
    phone.wait_for_timeout(100)
    assert phone.locator(PAD).evaluate(INKED) > 200
    fill_in(phone)
    press(phone)
    phone.wait_for_url(f"**{link}/approved")
    drawing = signature(acme)["strokes"]
    assert len(drawing["strokes"]) == 2
    for x, y, _ms in (point for stroke in drawing["strokes"] for point in stroke):
        assert 0 <= x <= drawing["width"]
        assert 0 <= y <= drawing["height"]


@pytest.mark.parametrize("stroke", [None, DOT], ids=["blank", "a dot"])
def test_nothing_drawn_is_refused_and_then_mended(
    acme: Company, link: str, phone: Page, stroke: Stroke | None
) -> None:
    phone.goto(link)
    phone.locator("[data-bar]").get_by_role("link").tap()
    if stroke is not None:
        touch(phone, stroke)
    fill_in(phone)
    press(phone)
    alert = phone.get_by_role("alert")
    alert.wait_for()
    assert "Draw your signature in the box" in alert.inner_text()
    assert phone.get_by_label("Your full name").input_value() == "John Mitchell"
    assert phone.get_by_label("I approve").is_checked()
    assert phone.get_by_label("Draw").is_checked()
    assert browsers.axe(phone) == []
    touch(phone, WAVE)
    press(phone)
    phone.wait_for_url(f"**{link}/approved")
    assert signature(acme)["method"] == "draw"


def test_what_was_drawn_is_there_after_another_mistake(acme: Company, link: str, phone: Page) -> None:
    phone.goto(link)
    phone.locator("[data-bar]").get_by_role("link").tap()
    touch(phone, WAVE)
    before = strokes_of(phone)
    press(phone)
    alert = phone.get_by_role("alert")
    alert.wait_for()
    assert "Write your full name" in alert.inner_text()
    assert "Tick the box" in alert.inner_text()
    phone.wait_for_function("() => Boolean(window.SignaturePad)")
    phone.wait_for_timeout(100)
    assert strokes_of(phone) == before
    assert phone.locator(PAD).evaluate(INKED) > 200
    assert browsers.axe(phone) == []
    fill_in(phone)
    press(phone)
    phone.wait_for_url(f"**{link}/approved")
    assert len(signature(acme)["strokes"]["strokes"]) == 1


@pytest.fixture
def no_script(chromium: Browser, live_server: str) -> Iterator[Page]:
    """A phone whose browser runs no script."""
    device = browsers.PHONE | {"java_script_enabled": False}
    with browsers.visiting(chromium, live_server, device) as (page, visit):
        yield page
    assert visit.problems == []


def test_without_a_script(acme: Company, link: str, no_script: Page) -> None:
    no_script.goto(link)
    assert no_script.locator(PAD).is_hidden()
    assert no_script.get_by_text("Draw", exact=True).is_hidden()
    press(no_script)
    assert "Write your full name" in no_script.get_by_role("alert").inner_text()
    fill_in(no_script)
    press(no_script)
    assert no_script.get_by_role("heading", level=1).inner_text() == "Approved. Thank you, John."
    assert signature(acme)["method"] == "type"


@pytest.mark.parametrize("path", ["/portal/acme-hvac", "link"])
def test_a_first_visit_is_small(link: str, chromium: Browser, live_server: str, path: str) -> None:
    finished: list[Request] = []
    with browsers.visiting(chromium, live_server, browsers.PHONE) as (page, visit):
        page.on("requestfinished", lambda request: finished.append(request))  # noqa: PLW0108 - Playwright marks it
        page.goto(link if path == "link" else path)
        page.wait_for_load_state("networkidle")
        sent = [request for request in finished if request.url.startswith("http")]
        sizes = [request.sizes() for request in sent]
    weight = sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)
    assert len(sent) <= 4, [request.url for request in sent]
    assert weight <= 30 * 1024
    assert visit.problems == []


@pytest.mark.parametrize(
    ("scheme", "device"), [("light", browsers.DESK), ("dark", browsers.PHONE)], ids=["desk", "phone at night"]
)
def test_the_customers_pages_are_readable_for_everybody(
    acme: Company, chromium: Browser, live_server: str, scheme: str, device: dict[str, Any]
) -> None:
    open_one, closed = making.make_sent(acme), making.make_sent(acme)
    with acme.scope():
        for row in db.session.query(Estimate).filter_by(public_token=closed):
            row.withdraw()
        db.session.commit()
    paths = ["/portal/acme-hvac", "/portal/nobody-here", f"/quote/{open_one}", f"/quote/{closed}"]
    with browsers.visiting(chromium, live_server, device | {"color_scheme": scheme}) as (page, visit):
        for path in paths:
            page.goto(path)
            assert browsers.axe(page) == [], path
            assert browsers.fits(page), path
    assert visit.problems == []


@pytest.fixture
def at_work(acme: Company, desk: Page) -> Page:
    """Somebody of Acme's office, signed in."""
    desk.goto("/admin/sign-in")
    desk.get_by_label("Email", exact=False).fill(acme.staff[Role.OFFICE].email)
    desk.get_by_label("Password", exact=False).first.fill(PASSWORD)
    desk.get_by_role("button", name="Sign in").click()
    desk.wait_for_url("**/admin/")
    return desk


def test_the_offices_pages_are_readable_for_everybody(
    acme: Company, at_work: Page, new_client: Callable[..., Any]
) -> None:
    draft, signed = making.make_draft(acme), making.make_sent(acme)
    assert making.approve(new_client(), signed).status == 303
    with acme.scope():
        rows = {row.public_token: row.public_id for row in db.session.query(Estimate)}
        job = db.session.query(Job).one().public_id
    customer = acme.customer.public_id
    for path in (
        "/admin/",
        "/admin/alerts",
        "/admin/estimates/",
        "/admin/estimates/?view=declined",
        "/admin/estimates/new",
        f"/admin/estimates/new?customer={customer}",
        f"/admin/estimates/{draft}",
        f"/admin/estimates/{draft}/edit",
        f"/admin/estimates/{rows[signed]}",
        "/admin/jobs/",
        f"/admin/jobs/{job}",
    ):
        at_work.goto(path)
        assert browsers.axe(at_work) == [], path
        assert browsers.fits(at_work), path


def test_a_bad_form_of_the_office_is_readable_too(acme: Company, at_work: Page) -> None:
    at_work.goto(f"/admin/estimates/new?customer={acme.customer.public_id}")
    at_work.locator("[name$=description]").first.fill("Water heater")
    at_work.locator("[name$=unit_price]").first.fill("1,5")
    # The Enter key saves; it does not press "More lines".
    at_work.locator("[name$=unit_price]").first.press("Enter")
    alert = at_work.locator("#errors")
    alert.wait_for()
    assert "Type an amount in dollars and cents" in alert.inner_text()
    assert browsers.axe(at_work) == []
    alert.get_by_role("link", name="Type an amount").click()
    assert at_work.evaluate("document.activeElement.value") == "1,5"
