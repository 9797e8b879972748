"""The fence as the office's pages meet it: nothing of another company is visible, countable or guessable (6.9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, g
from flask_admin.model import BaseModelView
from sqlalchemy import func, select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from pillar.admin.base import StaffModelView
from pillar.extensions import db
from pillar.models import CustomerContact, Estimate, Message
from pillar.tokens import public_id
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.furnished import Furnished
from tests.support.site import addresses, build, dump, is_typeset, model_tables, same_page, values_for

Both = tuple[Furnished, Furnished]
SignIn = Callable[..., PillarClient]
NOT_FOUND = 404


def rules_with_ids(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if {"id", "part"} & rule.arguments]


def model_views(app: Flask) -> list[StaffModelView]:
    views = app.extensions["admin"][0]._views
    return [view for view in views if isinstance(view, StaffModelView)]


def token_of(client: PillarClient) -> str:
    return str(client.page("/admin/account/").all("input[name=csrf_token]")[0]["value"])


def ask(client: PillarClient, method: str, path: str, token: str) -> TestResponse:
    if method == "GET":
        return client.get(path)
    return client.post(path, data={"csrf_token": token})


def methods_of(rule: Rule) -> list[str]:
    return [method for method in ("GET", "POST") if method in (rule.methods or ())]


def theirs(rule: Rule, ours: Furnished, rivals: Furnished) -> Iterator[dict[str, str]]:
    """Arguments that name something of the rival: the right kind of thing, and two others in turn."""
    kinds = sorted(table for table, ids in rivals.ids.items() if ids)
    start = len(str(rule)) % len(kinds)
    others = [rivals.one(table) for table in (kinds + kinds)[start : start + 2]]
    right, mine = values_for(rule, rivals), values_for(rule, ours)
    if "part" not in rule.arguments:
        # The trail's events are named by their number in their own company.
        yield from ({"id": each} for each in ([*others] if right["id"] == "1" else [right["id"], *others]))
        return
    yield right
    yield {"id": right["id"], "part": mine["part"]}
    yield from ({"id": mine["id"], "part": each} for each in (right["part"], *others))


def words_of(has: Furnished) -> set[str]:
    company = has.company
    people = (*company.staff.values(), company.customer, company.contact)
    own = {company.name, company.slug, *has.words, *(p.name for p in people), *(p.email for p in people)}
    return own | {each for ids in has.ids.values() for each in ids} | {has.sent_token, has.signed_token}


def test_anothers_id_is_a_missing_one(app: Flask, furnished: Both, signed_in: SignIn) -> None:
    """By byte: Acme's admin cannot tell a thing of Rival's from one that never was, and changes nothing."""
    ours, rivals = furnished
    client = signed_in(ours.company)
    token = token_of(client)
    before = dump()
    rules = rules_with_ids(app)
    assert len(rules) >= 20
    for rule in rules:
        for method in methods_of(rule):
            missing = {name: public_id() for name in rule.arguments}
            expected = ask(client, method, build(app, rule, missing), token)
            assert expected.status_code == NOT_FOUND, rule
            wanted = same_page(expected.text, *missing.values())
            for values in theirs(rule, ours, rivals):
                answer = ask(client, method, build(app, rule, values), token)
                assert answer.status_code == NOT_FOUND, (rule, method, values)
                assert same_page(answer.text, *values.values()) == wanted, (rule, method)
                assert _plain(answer) == _plain(expected), (rule, method)
    assert dump() == before


def _plain(response: TestResponse) -> dict[str, str]:
    """Headers without what is new each time."""
    changing = {"Date", "Set-Cookie", "Content-Security-Policy", "Content-Length"}
    return {name: value for name, value in response.headers.items() if name not in changing}


def test_our_own_ids_are_there(app: Flask, furnished: Both, signed_in: SignIn) -> None:
    """The control: the same rules with Acme's own things open."""
    ours, _rivals = furnished
    client = signed_in(ours.company)
    for rule in rules_with_ids(app):
        view = str(rule.endpoint).split(".", maxsplit=1)[0]
        if "GET" in (rule.methods or ()) and (view == "audit" or ours.ids.get(model_tables().get(view, ""))):
            answer = client.get(build(app, rule, values_for(rule, ours)))
            assert answer.status_code in {200, 303}, (rule, answer.status_code)


def test_nothing_of_another_company_is_on_any_page(app: Flask, furnished: Both, signed_in: SignIn) -> None:
    ours, rivals = furnished
    client = signed_in(ours.company)
    words = words_of(rivals)
    seen = 0
    places = [each for each in addresses(app, ours) if not is_typeset(each)]
    pages = [each.path for each in places if "GET" in each.methods]
    pages += [f"{view.url}/?view={saved.key}" for view in model_views(app) for saved in view.saved_views]
    pages += ["/admin/estimates/new?search=Zephyr", "/admin/customers/new"]
    pages += [f"/admin/estimates/new?customer={ours.company.customer.public_id}"]
    for path in pages:
        body = client.get(path).data.decode("utf-8", "replace")
        found = {word for word in words if word in body} - ({"Zephyr"} if "search=" in path else set())
        assert not found, f"{path}: {found}"
        seen += any(word in body for word in ours.words)
    assert seen >= 8, "the pages of this test show nothing at all"


def test_search_finds_nothing_of_another_company(app: Flask, furnished: Both, signed_in: SignIn) -> None:
    ours, rivals = furnished
    client = signed_in(ours.company)
    terms = (*rivals.words, rivals.company.customer.name, rivals.company.customer.email, "9375550177")
    ids = {each for found in rivals.ids.values() for each in found}
    for view in model_views(app):
        if "index_view" not in view.needs or not view.search_hint:
            continue
        for term in terms:
            page = client.page(f"{view.url}/?search={term}")
            assert not any(each in page.html for each in ids), (view.url, term)
            assert page.all("main tbody tr") == [], (view.url, term)


def test_filters_offer_and_take_nothing_of_another_company(
    app: Flask, furnished: Both, signed_in: SignIn
) -> None:
    ours, rivals = furnished
    client = signed_in(ours.company)
    ids = {each for found in rivals.ids.values() for each in found}
    for view in model_views(app):
        for choice in view.choices:
            for value in ("Zephyr", rivals.one("customer"), rivals.one("staff_user")):
                page = client.page(f"{view.url}/?{choice.name}={value}")
                assert "Zephyr" not in page.html, (view.url, choice.name)
                assert not any(each in page.html for each in ids), (view.url, choice.name)


def test_counts_are_of_one_company(app: Flask, furnished: Both, signed_in: SignIn) -> None:
    """`Showing 1 to 2 of 2`, the numbers beside the navigation, the dashboard."""
    ours, _rivals = furnished
    client = signed_in(ours.company)
    with ours.company.scope():
        messages = db.session.scalar(select(func.count(Message.id)))
    assert f"of {messages}" in client.page("/admin/outbox/?view=all").text
    assert "of 2" in client.page("/admin/customers/").text


def test_the_views_find_only_their_own(app: Flask, furnished: Both) -> None:
    """Below the pages: get-one, bulk rows, lists and counts of every view."""
    ours, rivals = furnished
    ids = [each for found in rivals.ids.values() for each in found]
    assert len(model_views(app)) >= 5
    for view in model_views(app):
        table = view.model.__tablename__
        with ours.company.scope(), app.test_request_context("/admin/"):
            g.tenant_scope = ours.company.tenant_id
            assert all(view.get_one(each) is None for each in ids), view
            if ours.ids.get(table):
                assert [row.public_id for row in view.rows([*ids, ours.one(table)])] in (
                    [ours.one(table)],
                    [],
                )
            listed = view.listing({}).rows
            assert all(row.tenant_id == ours.company.tenant_id for row in listed), view


def test_foreign_ids_in_forms_are_refused(app: Flask, furnished: Both, signed_in: SignIn) -> None:
    """An estimate for our customer, sent to their contact, at their place; an estimate for their customer."""
    ours, rivals = furnished
    client = signed_in(ours.company)
    path = f"/admin/estimates/new?customer={ours.company.customer.public_id}"
    form = client.page(path).form()
    save = "Save draft"
    before = dump()
    for field, value in (("contact", rivals.one("contact")), ("location", rivals.one("service_location"))):
        sent = form.filled(save)
        sent.setlist("title", ["Mixed"])
        sent.setlist(field, [value])
        answer = client.post(path, data=sent)
        assert answer.status_code == 422, field
        assert "Zephyr" not in answer.text
    assert client.get(f"/admin/estimates/new?customer={rivals.one('customer')}").status_code == NOT_FOUND
    assert (
        client.post(f"/admin/estimates/new?customer={rivals.one('customer')}", data=form.filled()).status_code
        == NOT_FOUND
    )
    assert dump() == before


def test_a_contact_of_theirs_is_not_taken_over_by_its_address(furnished: Both, signed_in: SignIn) -> None:
    """Adding somebody with the e-mail of a rival's contact makes a person of our own."""
    ours, rivals = furnished
    client = signed_in(ours.company)
    them = rivals.company.contact
    page = client.page(f"/admin/customers/{ours.company.customer.public_id}/contacts/new")
    answer = client.submit(page.form(), name=them.name, email=them.email)
    assert answer.status == 303, answer
    with ours.company.scope():
        links = db.session.scalars(select(CustomerContact)).all()
        made = [link.contact for link in links if link.contact.email == them.email]
        assert [each.name for each in made] == [them.name]
        assert made[0].public_id != them.public_id


STOCK = (
    "action/",
    "ajax/lookup/?name=customer&query=a",
    "ajax/update/",
    "delete/",
    "details/",
    "edit/",
    "export/csv/",
    "new/",
)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_flask_admins_own_addresses_do_not_exist(
    app: Flask, furnished: Both, signed_in: SignIn, method: str
) -> None:
    ours, rivals = furnished
    client = signed_in(ours.company)
    token = token_of(client)
    before = dump()
    for view in model_views(app):
        row = (rivals.ids.get(view.model.__tablename__) or (public_id(),))[0]
        for stock in STOCK:
            joint = "&" if "?" in stock else "?"
            path = f"{view.url}/{stock}{joint}id={row}"
            data = {"csrf_token": token, "id": row, "rowid": row, "action": "delete", "list_form_pk": row}
            answer = client.get(path) if method == "GET" else client.post(path, data=data)
            assert answer.status_code in {404, 405}, path
    assert client.get("/admin/static/admin/js/form.js").status_code == NOT_FOUND
    assert dump() == before


def test_no_view_opens_what_it_does_not_name(app: Flask) -> None:
    """Of Flask-Admin's stock methods only what `needs` names is a rule, with that permission."""
    for view in model_views(app):
        assert isinstance(view, BaseModelView)
        endpoints = {
            str(rule.endpoint).split(".")[1]
            for rule in app.url_map.iter_rules()
            if str(rule.endpoint).startswith(f"{view.endpoint}.")
        }
        assert endpoints <= set(view.needs), view.endpoint
        assert not endpoints & {"ajax_lookup", "ajax_update", "export"}, view.endpoint
        assert not view.can_export
        assert not getattr(view, "column_editable_list", None)


def test_links_of_one_company_are_not_the_others_page(
    furnished: Both, client: PillarClient, rival: Company
) -> None:
    """A document link opens its own company's page, whoever was looked at before."""
    ours, rivals = furnished
    client.get(f"/portal/{rival.slug}")
    page = client.page(f"/quote/{ours.sent_token}")
    assert "Amber" in page.html
    assert not {word for word in words_of(rivals) if word in page.html}
    with rival.scope():
        assert (
            db.session.scalars(select(Estimate).where(Estimate.public_token == ours.sent_token)).all() == []
        )


def test_a_session_of_one_company_opens_only_it(furnished: Both, signed_in: SignIn) -> None:
    ours, rivals = furnished
    both: list[tuple[Any, Furnished]] = [(signed_in(each.company), each) for each in furnished]
    for client, mine in both:
        other = rivals if mine is ours else ours
        page = client.page("/admin/customers/")
        assert mine.company.customer.name in page.html
        assert other.company.customer.name not in page.html
