"""What the bench measures lists and search on: made once, kept, never in a database of somebody else."""

from __future__ import annotations

import click
import pytest

from pillar.bench.companies import BIG, make_companies
from pillar.extensions import db
from pillar.services.customer_search import customer_ids
from pillar.tenancy import using_tenant
from tests.support import migrations


def test_companies_are_made_once_and_their_words_find_them(database):
    with database.another_app(database_url=database.store.spare("bench")) as app:
        with app.app_context():
            migrations.upgrade()
        assert [each.customers for each in make_companies(app, 30)] == [30, 30, 30]
        big, _middle, small = make_companies(app, 40)
        assert (big.slug, big.customers, small.customers) == (BIG, 40, 40)
        with app.app_context(), using_tenant(db.session(), 1):
            for words in big.words:
                found = {kind: len(customer_ids(typed)) for kind, typed in words.items()}
                assert found.pop("no hit") == 0
                assert all(found.values()), (words, found)
        browser = app.test_client(use_cookies=False)
        assert browser.get("/admin/customers/", headers=dict(big.headers)).status_code == 200
        with pytest.raises(click.ClickException, match="already"):
            make_companies(app, 30)


def test_a_database_with_other_companies_is_left_alone(app, acme):
    with pytest.raises(click.ClickException, match="database of its own"):
        make_companies(app, 10)
