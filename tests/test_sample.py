"""The sample companies: what `make run` prints lets people in, and every invariant holds."""

from __future__ import annotations

from pillar.demo import ensure_sample
from pillar.services.verification import violations
from tests.support import migrations
from tests.support.bed import Bed
from tests.support.client import PillarClient


def test_everybody_who_is_printed_gets_in(database: Bed) -> None:
    with database.another_app(database_url=database.store.spare("sample")) as app:
        with app.app_context():
            migrations.upgrade()
        printed = ensure_sample(app)
        with app.app_context():
            assert list(violations()) == []
        for person in printed["customers"]:
            client = PillarClient(app, use_cookies=True)
            door = f"/portal/{person['tenant']}/sign-in"
            form = client.page(door).form("form:has([name=password])")
            page = client.submit(form, email=person["email"], password=person["password"])
            assert (page.status, page.location) == (303, f"/portal/{person['tenant']}/estimates")
            text = client.page(f"/portal/{person['tenant']}/estimates").text
            assert "EST-2026-00042" in text
            assert "$2,450.00" in text
        for person in printed["staff"][:1]:
            client = PillarClient(app, use_cookies=True)
            form = client.page("/admin/sign-in").form("form:has([name=password])")
            assert client.submit(form, email=person["email"], password=person["password"]).status == 303
        assert ensure_sample(app) == printed
