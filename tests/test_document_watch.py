"""What somebody changes in the database alarms the company's admins within a day, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from pillar import clock
from pillar.extensions import db
from pillar.models import Estimate, Message
from pillar.models.staff import Notification
from pillar.permissions import Role
from pillar.services import document_watch
from pillar.tasks import periodic
from tests.support import estimates as making
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.mail import Bell, FakeMail, delivered, fresh
from tests.support.papers import make_signed, overwrite, work

WRITTEN_OVER = {
    "document": "UPDATE estimate_revision SET document = replace(document, '185000', '1')",
    "both": "UPDATE estimate_revision SET document = 'gone', content_hash = 'x'",
    "signature": "UPDATE signature SET total_cents = 1",
    "paper": "UPDATE signed_pdf SET sha256 = 'x'",
    "status": "UPDATE estimate SET status = 'accepted'",
}


def alarms(company: Company) -> list[tuple[str, str]]:
    """(to whom, about what) of every alarm of the company, in the app and by mail."""
    with fresh(company):
        notes = db.session.scalars(select(Notification).where(Notification.kind == "document_tampered"))
        mails = db.session.scalars(select(Message).where(Message.template == "document_tampered"))
        return [
            *(("app", note.path.rpartition("/")[2]) for note in notes),
            *((mail.to_address, mail.about.partition(":")[2]) for mail in mails),
        ]


@pytest.mark.parametrize("what", WRITTEN_OVER)
def test_a_changed_document_alarms_the_admins_once(
    app: Flask,
    acme: Company,
    rival: Company,
    client: PillarClient,
    bell: Bell,
    mail: FakeMail,
    set_clock: Callable[[str], None],
    what: str,
) -> None:
    if what == "status":
        making.make_sent(acme)
    else:
        work(acme, make_signed(acme, client))
    making.make_sent(rival)
    assert not look(app, acme)
    overwrite(f"{WRITTEN_OVER[what]} WHERE tenant_id = :tenant", tenant=acme.tenant_id)
    # Within the hour it was looked at already; then it is recent for a day, and after that its turn comes once a day.
    assert not look(app, acme)
    set_clock("+1h")
    seen = look(app, acme)
    with fresh(acme):
        public_id = db.session.scalars(select(Estimate.public_id)).one()
    expected = [("app", public_id), (acme.staff[Role.ADMIN].email, public_id)]
    assert (seen, alarms(rival)) == (expected, [])
    set_clock("+2h")
    assert look(app, acme) == expected
    with fresh(acme):
        row_id = db.session.scalars(select(Message.id).where(Message.template == "document_tampered")).one()
        assert "pillar verify" in delivered(acme, row_id).body_text
    assert mail.sent[-1].subject.startswith("TAMPERED: EST-")


def test_an_old_document_has_its_turn_once_a_day(acme: Company) -> None:
    making.make_sent(acme)
    overwrite("UPDATE estimate_revision SET content_hash = 'x'")
    with fresh(acme):
        row_id = db.session.scalars(select(Estimate.id)).one()
        days_later = clock.now() + timedelta(days=3)
        hours = [days_later + timedelta(hours=n) for n in range(24)]
        found = [(at.hour, ids) for at in hours if (ids := document_watch.changed_estimates(at))]
        assert found == [(row_id % 24, [row_id])]


def look(app: Flask, company: Company) -> list[tuple[str, str]]:
    """Let the scheduler look, and see whom it alarmed."""
    db.session.rollback()
    periodic.run_due(app)
    return alarms(company)
