"""The portal as an app (1.15), and its dead ends in the shell's look."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import current_app
from PIL import Image
from werkzeug.test import TestResponse

from pillar.models.tenant import AppOffer
from pillar.services.logos import store_logo
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.furnished import writing
from tests.support.hardening import check
from tests.support.portal import signed_in_customer

PAGES = ("estimates", "profile")


def set_up(company: Company, **settings: Any) -> None:
    with writing(), company.scope() as tenant:
        for name, value in settings.items():
            setattr(tenant, name, value)


def manifest(client: PillarClient, company: Company) -> dict[str, Any]:
    answer = client.get(f"/portal/{company.slug}/manifest.webmanifest")
    assert (answer.status_code, answer.mimetype) == (200, "application/manifest+json")
    told: dict[str, Any] = answer.get_json(force=True)
    return told


def picture(answer: TestResponse) -> Image.Image:
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    return Image.open(BytesIO(answer.data)).convert("RGB")


def worker(client: PillarClient, company: Company, **headers: str) -> TestResponse:
    return client.get(f"/portal/{company.slug}/worker.js", headers=headers)


def test_off_means_that_no_page_speaks_of_it(
    acme: Company, client: PillarClient, new_client: Callable[[], PillarClient]
) -> None:
    customer = signed_in_customer(new_client(), acme)
    assert manifest(client, acme)["name"] == acme.name
    pages = [customer.page(f"/portal/{acme.slug}/{each}") for each in PAGES]
    for page in (client.page(f"/portal/{acme.slug}"), *pages):
        assert not page.all("link[rel=manifest], link[rel=apple-touch-icon]")
        assert "serviceWorker" not in page.html
        assert "home screen" not in page.text
        assert "worker-src" not in page.response.headers["Content-Security-Policy"]
    assert customer.get(f"/portal/{acme.slug}/app").status_code == 404
    assert worker(client, acme).status_code == 404
    # A browser that has it from before asks like this, and gets one that takes itself away.
    last = worker(client, acme, **{"Service-Worker": "script"})
    assert "unregister" in last.text
    assert "fetch" not in last.text


def test_offered_it_is_in_my_profile_and_on_signed_in_pages_only(acme: Company, client: PillarClient) -> None:
    set_up(acme, pwa=AppOffer.OFFER)
    assert not client.page(f"/portal/{acme.slug}").all("link[rel=manifest]")
    customer = signed_in_customer(client, acme)
    for each in PAGES:
        page = customer.page(f"/portal/{acme.slug}/{each}")
        check(page.response, each)
        assert page.one("link[rel=manifest]")["href"] == f"/portal/{acme.slug}/manifest.webmanifest"
        assert f'register("/portal/{acme.slug}/worker.js")' in page.html
        assert "worker-src 'self'" in page.response.headers["Content-Security-Policy"]
        assert picture(customer.get(str(page.one("link[rel=apple-touch-icon]")["href"]))).size == (180, 180)
    steps = customer.page(page.link("Put this on your home screen"))
    assert "Add to Home Screen" in steps.text
    script = worker(customer, acme)
    assert script.mimetype == "text/javascript"
    assert script.headers["Content-Security-Policy"] == "default-src 'none'; connect-src 'self'"
    assert '"/static/"' in script.text


def test_the_manifest_is_the_companys_own(acme: Company, rival: Company, client: PillarClient) -> None:
    set_up(acme, display_name="Acme Heizung & Über", primary_color="#0b6b57")
    told = manifest(client, acme)
    scope = f"/portal/{acme.slug}/"
    assert (told["name"], told["theme_color"]) == ("Acme Heizung & Über", "#0b6b57")
    assert told["scope"] == told["id"] == scope
    assert told["start_url"].startswith(scope)
    assert {icon["sizes"] for icon in told["icons"]} == {"192x192", "512x512"}
    addresses = {icon["src"] for icon in told["icons"]}
    for address in addresses:
        answer = client.get(address)
        side = 512 if "512" in address else 192
        assert picture(answer).size == (side, side)
        assert picture(answer).getpixel((2, 2)) == (11, 107, 87)
        assert answer.headers["Cache-Control"].endswith("immutable")
        assert client.get(address.replace(acme.slug, rival.slug)).status_code == 404
    for wrong in ("nothing.png", "512.png", f"{next(iter(addresses)).rsplit('/')[-1][:12]}-64.png"):
        assert client.get(f"/portal/{acme.slug}/icon/{wrong}").status_code == 404


@pytest.mark.parametrize("name", ["日本空調", "Ölbrenner", "!!!"])
def test_any_name_has_an_icon(acme: Company, client: PillarClient, name: str) -> None:
    set_up(acme, display_name=name)
    drawn = picture(client.get(manifest(client, acme)["icons"][0]["src"]))
    assert len(drawn.getcolors(100_000) or []) > 1, "something stands on the ground"


def test_the_logo_is_drawn_anew_on_white(acme: Company, client: PillarClient) -> None:
    before = manifest(client, acme)["icons"][0]["src"]
    drawn = BytesIO()
    Image.new("RGB", (300, 100), "#cc0000").save(drawn, "PNG")
    drawn.seek(0)
    key = store_logo(current_app.config["PILLAR_CONFIG"].data_dir, acme.public_id, drawn)
    set_up(acme, logo_key=key)
    after = manifest(client, acme)["icons"][0]["src"]
    assert after != before
    icon = picture(client.get(after))
    assert icon.getpixel((2, 2)) == (255, 255, 255)
    assert icon.getpixel((96, 96)) == (204, 0, 0)
    assert client.get(before).status_code == 404


def test_dead_ends_are_in_the_companys_look(acme: Company, client: PillarClient) -> None:
    customer = signed_in_customer(client, acme)
    for path in ("/nowhere", "/estimates/nothing", "/static/portal.css"):
        lost = customer.page(f"/portal/{acme.slug}{path}", status=404)
        assert lost.texts("h1") == ["We can't find that page"]
        assert lost.link("Go to the portal") == f"/portal/{acme.slug}"
        assert lost.link("Call us") == "tel:+19375550100"
        assert lost.one("footer .strong").get_text() == acme.name
    set_up(acme, portal_enabled=False)
    for path in ("", "/home", "/estimates", "/profile", "/app", "/nowhere"):
        page = customer.page(f"/portal/{acme.slug}{path}", status=503)
        assert page.texts("h1") == ["The customer portal is not available"]
        assert page.link("Call (937) 555-0100") == "tel:+19375550100"
    assert manifest(customer, acme)["name"] == acme.name
