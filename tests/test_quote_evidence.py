"""What was changed behind our back says TAMPERED; names are inert; the trail tells no secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text

from pillar.canonical import content_hash
from pillar.extensions import db
from pillar.models import (
    AuditEvent,
    Estimate,
    EstimateRevision,
    Message,
    Signature,
)
from pillar.permissions import Role
from tests.support import estimates as making
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.estimates import approve, count, only
from tests.support.tampering import change


@pytest.fixture
def token(database: Bed, acme: Company) -> str:
    """The link of a sent estimate."""
    return database.stage("sent", lambda: making.make_sent(acme))


# Tampering


CHANGED_OFFERS = {
    "the document": lambda doc: {"document": doc.replace("185000", "18500")},
    "a word": lambda doc: {"document": doc.replace("50 gallons", "30 gallons")},
    "no JSON": lambda _doc: {"document": "{"},
    "another JSON": lambda _doc: {"document": "[1]"},
    "nothing left": lambda _doc: {"document": "{}"},
    "no options": lambda doc: {"document": json.dumps(json.loads(doc) | {"options": []})},
    "wild options": lambda doc: {"document": json.dumps(json.loads(doc) | {"options": 5})},
    "no document": lambda _doc: {"document": None},
    "the hash": lambda _doc: {"content_hash": "0" * 64},
}


@pytest.mark.parametrize("tamper", CHANGED_OFFERS.values(), ids=list(CHANGED_OFFERS))
def test_a_changed_offer_says_tampered_and_cannot_be_signed(
    acme: Company,
    token: str,
    client: PillarClient,
    signed_in: Callable[..., PillarClient],
    tamper: Callable[[str], dict[str, Any]],
) -> None:
    form = client.page(f"/quote/{token}").form("#sign form")
    with acme.scope():
        estimate = only(Estimate)
        document, public_id = str(estimate.revision.document), estimate.public_id
    for column, value in tamper(document).items():
        change(f"UPDATE estimate_revision SET {column} = :value", value=value)
    page = client.page(f"/quote/{token}")
    assert "TAMPERED. This document does not match the one that was sent" in page.text
    assert not page.all("#sign")
    answer = client.submit(form, signer_name="John Mitchell", consent=True)
    assert answer.status == 409
    assert "TAMPERED" in answer.text
    assert count(acme, Signature) == 0
    office = signed_in(acme, Role.OFFICE)
    for path in ("", "/preview"):
        assert "TAMPERED" in office.page(f"/admin/estimates/{public_id}{path}", follow=True).text


def test_document_and_hash_changed_together_is_not_what_the_browser_saw(
    acme: Company, token: str, client: PillarClient
) -> None:
    form = client.page(f"/quote/{token}").form("#sign form")
    with acme.scope():
        document = str(only(EstimateRevision).document).replace("185000", "985000")
    change(
        "UPDATE estimate_revision SET document = :document, content_hash = :hash",
        document=document,
        hash=content_hash(document),
    )
    assert client.submit(form, signer_name="John Mitchell", consent=True).status == 409
    assert count(acme, Signature) == 0


CHANGED_SIGNATURES = {
    "total": ("total_cents = :value", 1),
    "option": ("option_key = :value", "9"),
    "add-ons": ("addon_keys = :value", '["7"]'),
    "hash": ("content_hash = :value", "0" * 64),
    "choice": ("choice_hash = :value", "0" * 64),
}


@pytest.mark.parametrize(("column", "value"), CHANGED_SIGNATURES.values(), ids=list(CHANGED_SIGNATURES))
def test_a_changed_signature_says_tampered(
    acme: Company, token: str, client: PillarClient, column: str, value: Any
) -> None:
    approve(client, token)
    change(f"UPDATE signature SET {column}", value=value)
    assert "TAMPERED" in client.page(f"/quote/{token}").text
    assert client.get(f"/quote/{token}/approved").status_code == 303


def test_a_changed_document_says_tampered_after_signing_too(
    acme: Company, token: str, client: PillarClient
) -> None:
    approve(client, token)
    with acme.scope():
        document = str(only(EstimateRevision).document).replace("185000", "285000")
    # Both together: the signature still knows what it was for.
    change(
        "UPDATE estimate_revision SET document = :document, content_hash = :hash",
        document=document,
        hash=content_hash(document),
    )
    assert "TAMPERED" in client.page(f"/quote/{token}").text


def test_an_acceptance_without_its_signature_says_tampered(
    acme: Company, token: str, client: PillarClient
) -> None:
    approve(client, token)
    change("DELETE FROM signature")
    assert "TAMPERED" in client.page(f"/quote/{token}").text
    assert client.get(f"/quote/{token}/approved").status_code == 303


# Inert names, and the trail


NASTY = "<script>alert(1)</script> {{ESTIMATE_LINK}} ' \" & \u202ereversed"


def test_names_and_words_are_inert(acme: Company, client: PillarClient) -> None:
    token = making.make_sent(acme, title=NASTY, message=NASTY, terms=NASTY)
    page = client.page(f"/quote/{token}")
    assert "<script>alert" not in page.html
    assert "{{ESTIMATE_LINK}}" in page.text
    done = client.follow(approve(client, token, signer_name=f"John {NASTY}"[:120]))
    assert "<script>alert" not in done.html
    with acme.scope():
        for message in db.session.scalars(select(Message)):
            assert "<script>alert" not in message.body_html
            assert "\n" not in message.subject


def test_the_trail_names_the_link_not_the_token_or_the_person(
    acme: Company, token: str, client: PillarClient
) -> None:
    # The longest name: PostgreSQL counts.
    name = ("Maximiliana " * 10).strip()[:120]
    assert approve(client, token, signer_name=name).status == 303
    with acme.scope():
        estimate = only(Estimate)
        events = db.session.scalars(select(AuditEvent).where(AuditEvent.actor_kind == "link")).all()
        assert {event.action for event in events} == {"estimate.accepted", "job.created"}
        assert {event.actor for event in events} == {estimate.public_id}
        assert only(Signature).signer_name == name
    with db.engine.connect() as connection:
        trail = str(connection.execute(text("SELECT * FROM audit_event")).all())
    assert token[:6] not in trail
    assert "Maximiliana" not in trail


def test_guessing_links_is_slowed_down(database: Bed, token: str) -> None:
    with database.another_app(limits_enabled=True) as app:
        guesser = app.test_client()
        paths = ("", "/approved", "/signature.png")
        answers = [guesser.get(f"/quote/{'x' * 20}{n:02d}{paths[n % 3]}").status_code for n in range(32)]
        assert answers[:30] == [404] * 30
        assert answers[30:] == [429] * 2
