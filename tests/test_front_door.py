"""Lookups: the same answer for everybody, and the right message to the right person (1.4, 1.8, 1.9)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from pillar import clock
from pillar.extensions import db
from pillar.models import Contact, Estimate, Heartbeat, LookupRequest, Message, SignInLink
from pillar.models.consent import ConsentSource
from pillar.models.customer import PortalAccess
from pillar.models.message import Channel, MessageStatus
from pillar.services import consent, customers, estimates, heartbeats, lookups
from pillar.services.customer_parts import ContactInput, add_contact, remove_contact
from pillar.tasks.lookups import answer_lookup
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.front_door import (
    KNOWN,
    ask,
    bare,
    cookie_of,
    mailed,
    senders_live,
    statements,
    work,
)
from tests.support.furnished import writing
from tests.support.mail import FakeMail, sent_estimate
from tests.support.site import dump
from tests.support.texts import FakeSms, give_sender

DOORS = ("/sign-in", "/proposals")
UNKNOWN, GONE = "nobody.here@acme.example", "gone.long@acme.example"
THEIRS, BAD, BAD_PHONE = "rae.rival@rival.example", "john@@acme..example", "++00-12-x"
PHONE, UNKNOWN_PHONE = "937.555.0142", "(937) 555-0143"


@pytest.fixture(autouse=True)
def _senders(acme: Company) -> None:
    senders_live()


@pytest.fixture
def everybody(acme: Company) -> tuple[str, ...]:
    """Somebody of every kind; one was a customer once."""
    with writing(), acme.scope():
        customer = customers.create_customer(
            customers.CustomerInput(display_name="Gone"), ContactInput(name="Gone", email=GONE)
        )
        remove_contact(customer.contact_links[0])
        sent_estimate(acme)
    return KNOWN, UNKNOWN, GONE, THEIRS, BAD, BAD_PHONE, PHONE, UNKNOWN_PHONE, "x" * 254, "<b>ünïcödé</b>"


def add_person(company: Company, name: str, email: str = "", phone: str = "", **values: object) -> str:
    with writing(), company.scope():
        given = ContactInput(name=name, email=email, phones=[(phone, "mobile")] if phone else (), **values)  # type: ignore[arg-type]
        link = add_contact(company.customer_row(), given)
        return link.contact.public_id


def silence() -> None:
    """Nobody sends any more."""
    with writing():
        db.session.execute(delete(Heartbeat))


# The same for everybody


@pytest.mark.parametrize("door", DOORS)
def test_everybody_gets_the_same_answer(
    new_client: Callable[[], PillarClient], acme: Company, everybody: tuple[str, ...], door: str
) -> None:
    """Status, headers, bytes, statements: of the answer, and of the page that it leads to."""
    answers, pages, work_done = set(), set(), set()
    for typed in everybody:
        client = new_client()
        client.get(f"/portal/{acme.slug}{door}")
        with statements() as seen:
            answer = ask(client, acme, typed, door)
        work_done.add(tuple(seen))
        assert answer.location == f"/portal/{acme.slug}/sent", typed
        page = client.follow(answer)
        assert page.one("h1").text == "Check your inbox"
        assert typed in page.text
        answers.add(repr(bare(answer)))
        pages.add(repr(bare(page, typed, typed.replace("<", "&lt;").replace(">", "&gt;"))))
    assert len(answers) == len(pages) == len(work_done) == 1
    with acme.scope():
        assert len(db.session.scalars(select(LookupRequest)).all()) == len(everybody)


def test_wrong_codes_tell_nobody_apart(
    new_client: Callable[[], PillarClient], acme: Company, mail: FakeMail, everybody: tuple[str, ...]
) -> None:
    answers, work_done = set(), set()
    for typed in (KNOWN, UNKNOWN, GONE, PHONE, UNKNOWN_PHONE, BAD):
        client = new_client()
        page = client.follow(ask(client, acme, typed))
        work(acme)
        for _ in range(6):
            with statements() as seen:
                page = client.submit(page.form("form:has([name=code])"), code="0000-0000")
            answers.add(repr(bare(page, typed, typed.replace("<", "&lt;").replace(">", "&gt;"))))
            work_done.add(tuple(seen))
    assert len(answers) == len(work_done) == 1
    assert sum(sent.is_security for sent in mail.sent) == 2, "only the known e-mail and the known number"


def test_nothing_typed_is_said_to_be_nothing(client: PillarClient, acme: Company) -> None:
    for door in DOORS:
        page = ask(client, acme, " \u202e ", door)
        assert page.status == 422
        assert page.error_for("address")
    with acme.scope():
        assert not db.session.scalars(select(LookupRequest)).all()


def test_while_nothing_can_be_sent_everybody_is_told(client: PillarClient, acme: Company) -> None:
    """No worker, no vendor, or neither: one sentence, and not a row."""
    for kinds in (("worker", "scheduler"), (heartbeats.MAIL,), ()):
        silence()
        with writing():
            for kind in kinds:
                heartbeats.beat(db.session(), kind, kind)
        before = dump()
        for door in DOORS:
            pages = set()
            for typed in (KNOWN, UNKNOWN, PHONE, BAD):
                page = ask(client, acme, typed, door)
                assert "We could not send it. Try again in a few minutes or call" in page.text
                assert page.one("[name=address]")["value"] == typed
                assert not cookie_of(client, "pillar-pending")
                pages.add(repr(bare(page, typed)))
            assert len(pages) == 1
        assert dump() == before


def test_a_page_that_waits_says_so_when_the_post_stops(client: PillarClient, acme: Company) -> None:
    page = client.follow(ask(client, acme, UNKNOWN))
    assert "on its way" in page.text
    silence()
    page = client.page(f"/portal/{acme.slug}/sent")
    assert "on its way" not in page.text
    assert "We could not send it" in page.text


# Who gets what


def test_a_customer_gets_link_and_code(client: PillarClient, acme: Company, mail: FakeMail) -> None:
    spellings = (KNOWN, " John.Mitchell@ACME.example ", PHONE, "+1 937-555-0142", "9375550142")
    for typed in spellings:
        ask(client, acme, typed)
        work(acme)
    assert len(mail.sent) == len(spellings)
    for sent in mail.sent:
        assert (sent.to, sent.is_security, sent.subject) == (KNOWN, True, "Sign in to Acme HVAC")
        assert mailed(sent).token in sent.html
        assert mailed(sent).code in sent.html
    with acme.scope():
        for request in db.session.scalars(select(LookupRequest)):
            assert (request.typed_sealed, request.due_at) == ("", None)
        for message in db.session.scalars(select(Message)):
            assert message.customer_id == acme.customer_row().id
            assert not message.body_text + message.body_html + message.body_sealed


def test_who_may_not_come_in_gets_nothing(client: PillarClient, acme: Company, mail: FakeMail) -> None:
    for access in (PortalAccess.NONE, PortalAccess.DOCUMENTS):
        with writing(), acme.scope():
            acme.contact_row().portal_access = access
        for typed in (KNOWN, PHONE, UNKNOWN, THEIRS, BAD):
            ask(client, acme, typed)
        work(acme)
    assert mail.sent == []


def test_a_number_reaches_each_email_on_file(client: PillarClient, acme: Company, mail: FakeMail) -> None:
    for n in range(7):
        add_person(acme, f"Person {n}", f"person{n}@acme.example", PHONE)
    add_person(acme, "No Mail", phone=PHONE)
    ask(client, acme, PHONE)
    work(acme)
    assert [sent.to for sent in mail.sent] == [KNOWN, *(f"person{n}@acme.example" for n in range(4))]
    assert len({mailed(sent).token for sent in mail.sent}) == 5


def test_a_number_without_email_is_texted(client: PillarClient, acme: Company, sms: FakeSms) -> None:
    give_sender(acme)
    add_person(acme, "No Mail", phone="(937) 555-0161")
    page = client.follow(ask(client, acme, "(937) 555-0161"))
    work(acme)
    (sent,) = sms.sent
    assert sent.to == "+19375550161"
    assert len(sent.body) <= 160
    code = mailed(sent).code
    answer = client.submit(page.form("form:has([name=code])"), code=code)
    assert answer.location == f"/portal/{acme.slug}/estimates"
    with acme.scope():
        message = db.session.scalars(select(Message)).one()
        assert message.status is MessageStatus.SENT
        assert not message.body_text + message.body_sealed
    assert code not in str(dump())


def test_a_number_that_said_stop_gets_nothing(client: PillarClient, acme: Company, sms: FakeSms) -> None:
    give_sender(acme)
    add_person(acme, "No Mail", phone="(937) 555-0161")
    with writing(), acme.scope():
        consent.opt_out("+19375550161", Channel.SMS, consent.Said(ConsentSource.STAFF))
    ask(client, acme, "(937) 555-0161")
    work(acme)
    assert sms.sent == []


def offer(company: Company, title: str, contact: str = "") -> Estimate:
    """A sent estimate; to another of the customer's contacts where one is named."""
    estimate = sent_estimate(company, title)
    if contact:
        row = db.session.scalars(select(Contact).where(Contact.public_id == contact)).one()
        estimate.contact_id = row.id
    return estimate


def test_proposals_go_to_the_address_on_the_estimate(
    client: PillarClient, acme: Company, mail: FakeMail
) -> None:
    wife = add_person(acme, "Wilma Mitchell", "wilma@acme.example", PHONE)
    with writing(), acme.scope() as tenant:
        live = [offer(acme, f"Live {n}") for n in range(2)]
        hers = offer(acme, "Hers", wife)
        ends: dict[str, Callable[[Estimate], object]] = {
            "Declined": lambda e: estimates.decline_estimate(e, "no"),
            "Withdrawn": estimates.withdraw_estimate,
            "Revoked": lambda e: setattr(e, "token_revoked_at", clock.now()),
            "Deleted": lambda e: setattr(e, "deleted_at", clock.now()),
            "Past": lambda e: setattr(e, "valid_until", tenant.today().replace(year=2020)),
        }
        for title, end in ends.items():
            end(offer(acme, title))
        tokens, her_token = {each.public_token for each in live}, hers.public_token
    mail.sent.clear()
    work(acme)
    mail.sent.clear()
    ask(client, acme, KNOWN, "/proposals")
    work(acme)
    (sent,) = mail.sent
    assert (sent.to, sent.is_security) == (KNOWN, False)
    for title in ("Declined", "Withdrawn", "Revoked", "Deleted", "Past", "Hers"):
        assert title not in sent.text + sent.html
    assert all(f"/quote/{token}" in sent.text and f"/quote/{token}" in sent.html for token in tokens)
    mail.sent.clear()
    ask(client, acme, PHONE, "/proposals")
    work(acme)
    assert {each.to: ("Hers" in each.text, "Live 0" in each.text) for each in mail.sent} == {
        KNOWN: (False, True),
        "wilma@acme.example": (True, False),
    }
    assert her_token not in next(each.text for each in mail.sent if each.to == KNOWN)


def test_proposals_by_text_where_there_is_no_email(client: PillarClient, acme: Company, sms: FakeSms) -> None:
    give_sender(acme)
    person = add_person(acme, "No Mail", phone="(937) 555-0161")
    with writing(), acme.scope():
        token = offer(acme, "Heater", person).public_token
    work(acme)
    sms.sent.clear()
    for typed in ("(937) 555-0161", "(937) 555-0162", THEIRS):
        ask(client, acme, typed, "/proposals")
    work(acme)
    (sent,) = sms.sent
    assert (sent.to, f"/quote/{token}" in sent.body) == ("+19375550161", True)


def test_without_a_live_estimate_nothing_is_sent(client: PillarClient, acme: Company, mail: FakeMail) -> None:
    for typed in (KNOWN, PHONE, THEIRS):
        ask(client, acme, typed, "/proposals")
    work(acme)
    assert mail.sent == []


def test_the_message_for_rivals_customer_is_rivals_alone(
    client: PillarClient, acme: Company, rival: Company, mail: FakeMail
) -> None:
    ask(client, acme, THEIRS)
    work(acme)
    assert mail.sent == []
    ask(client, rival, THEIRS)
    work(rival)
    (sent,) = mail.sent
    assert client.get(f"/portal/{acme.slug}/sign-in/link").status_code == 410
    assert client.page(mailed(sent).path, status=303).location == f"/portal/{rival.slug}/sign-in/link"
    assert client.get(f"/portal/{acme.slug}/sign-in/link").status_code == 410


def test_a_sign_in_mail_never_comes_late(
    client: PillarClient, acme: Company, mail: FakeMail, set_clock: Callable[[str], None]
) -> None:
    ask(client, acme, KNOWN)
    set_clock("+601s")
    work(acme)
    assert mail.sent == []
    set_clock("")
    ask(client, acme, KNOWN)
    with acme.scope():
        row_id = db.session.scalars(select(LookupRequest.id).where(LookupRequest.due_at.is_not(None))).one()
    db.session.rollback()
    assert answer_lookup.run(acme.tenant_id, row_id)
    set_clock("+601s")
    work(acme)
    assert mail.sent == []
    with acme.scope():
        assert db.session.scalars(select(Message.status)).all() == [MessageStatus.SUPPRESSED]


def test_old_requests_are_forgotten_with_their_links(
    client: PillarClient, acme: Company, mail: FakeMail, set_clock: Callable[[str], None]
) -> None:
    ask(client, acme, KNOWN)
    work(acme)
    for hours, left in ((23, 1), (25, 0)):
        set_clock(f"+{hours}h")
        with writing():
            lookups.forget_old(clock.now() - timedelta(days=1))
        with acme.scope():
            rows = [len(db.session.scalars(select(kind.id)).all()) for kind in (LookupRequest, SignInLink)]
        assert rows == [left, left]
    # What is gone still leads to the page where a new link can be asked for.
    page = client.follow(client.page(mailed(mail.sent[0]).path, status=303), status=410)
    assert page.one("[name=address]")
