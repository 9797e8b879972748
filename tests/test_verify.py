"""`pillar verify`: whatever is broken in the database is named; what is whole passes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from pillar.canonical import content_hash
from pillar.database import reading
from pillar.extensions import db
from pillar.models import Estimate, Job
from pillar.services.verification import CHECKS, violations
from tests import test_verify_money
from tests.support import estimates as making
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.processes import Processes
from tests.support.tampering import change, drop_unique_key, unguarded

AUDIT = "the audit chain is whole (44)"
CONTENT = "a sent revision has the content it was sent with (10, 12)"
NOTED = "a sent revision has the hash that the audit trail noted (10, 44)"
COVERED = "a signature covers the content it was given for (12)"
SIGNED = "an accepted estimate has exactly one signature (10)"
PAPERS = "a signed PDF has the hash it was stored with (15)"
JOBS = "a job of an estimate has an accepted one, and no second job (17)"
SUMS = "total = subtotal - discount + tax, on rows and in the document (18)"
NUMBERS = "numbers have no gap and no repeat (9)"


@pytest.fixture
def work(database: Bed, acme: Company, rival: Company, client: PillarClient) -> None:
    """Two signed estimates with their jobs, one open, one draft; and something of the rival's."""
    database.stage("verify", lambda: _work(acme, rival, client))


def _work(acme: Company, rival: Company, client: PillarClient) -> None:
    for token in (making.make_sent(acme), making.make_sent(acme)):
        assert making.approve(client, token).status == 303
    making.make_sent(acme)
    making.make_draft(acme)
    making.make_sent(rival)


def found() -> dict[str, list[str]]:
    """What verify says: invariant -> rows, each with its company."""
    said: dict[str, list[str]] = {}
    with reading(db.session):
        for violation in violations():
            said.setdefault(violation.invariant, []).append(f"{violation.company}: {violation.row}")
    return said


def test_what_is_whole_passes(work: None) -> None:
    assert found() == {}


def test_an_empty_installation_passes(app: Flask) -> None:
    assert found() == {}


def _document(number: int = 1) -> tuple[int, str]:
    """Id and document of Acme's revision of that estimate number."""
    with db.engine.connect() as connection:
        row = connection.execute(
            text(
                "SELECT r.id, r.document FROM estimate_revision r JOIN estimate e ON e.id = r.estimate_id"
                " WHERE e.number LIKE :number AND e.tenant_id = 1"
            ),
            {"number": f"%-0000{number}"},
        ).one()
    return int(row[0]), str(row[1])


def _rewrite(new: str, *, with_hash: bool, number: int = 3) -> None:
    row_id, _old = _document(number)
    change("UPDATE estimate_revision SET document = :new WHERE id = :id", new=new, id=row_id)
    if with_hash:
        change(
            "UPDATE estimate_revision SET content_hash = :hash WHERE id = :id",
            hash=content_hash(new),
            id=row_id,
        )


def _cheaper(*, with_hash: bool, number: int = 3) -> None:
    _rewrite(_document(number)[1].replace("185000", "85000"), with_hash=with_hash, number=number)


def _one(table: str, change_to: str, where: str) -> Callable[[], None]:
    return lambda: change(f"UPDATE {table} SET {change_to} WHERE {where}")


SIGNED_ONE = "estimate_id = (SELECT min(estimate_id) FROM signature)"
ACCEPTED_ONE = "id = (SELECT min(estimate_id) FROM signature)"
OPEN_ONE = "status = 'sent' AND tenant_id = 1"
OPEN_REVISION = f"estimate_id = (SELECT id FROM estimate WHERE {OPEN_ONE})"


def _second_signature() -> None:
    drop_unique_key("signature", "tenant_id", "estimate_id")
    change("UPDATE signature SET estimate_id = (SELECT min(estimate_id) FROM signature)")


# What was done -> (how, which invariant names it, words of the row that it names)
BROKEN: dict[str, tuple[Callable[[], None], str, str]] = {
    "an event's action": (
        _one("audit_event", "action = 'estimate.sent'", "n = 2 AND tenant_id = 1"),
        AUDIT,
        "audit_event 2 (estimate.sent",
    ),
    "an event's actor": (
        _one("audit_event", "actor = 'me'", "n = 3 AND tenant_id = 1"),
        AUDIT,
        "changed after",
    ),
    "an event's details": (
        _one("audit_details", "body = '{}'", "event_id = (SELECT max(event_id) FROM audit_details)"),
        AUDIT,
        "its details were changed",
    ),
    "an event taken out": (
        lambda: change("DELETE FROM audit_event WHERE n = 2 AND tenant_id = 1"),
        AUDIT,
        "audit_event 3",
    ),
    "the last event taken out": (
        lambda: change(
            "DELETE FROM audit_event WHERE tenant_id = 1"
            " AND n = (SELECT max(n) FROM audit_event WHERE tenant_id = 1)"
        ),
        AUDIT,
        "audit_head: does not meet",
    ),
    "the head taken out": (
        lambda: change("DELETE FROM audit_head WHERE tenant_id = 1"),
        AUDIT,
        "audit_head: does not meet",
    ),
    "a price in a document": (lambda: _cheaper(with_hash=False), CONTENT, "TAMPERED"),
    "a document that is no JSON": (lambda: _rewrite("{", with_hash=False), CONTENT, "TAMPERED"),
    "no document": (_one("estimate_revision", "document = NULL", OPEN_REVISION), CONTENT, "TAMPERED"),
    "no document, and nothing that says that it was sent": (
        _one(
            "estimate_revision",
            "document = NULL, sent_at = NULL, content_hash = ''",
            OPEN_REVISION,
        ),
        CONTENT,
        "TAMPERED",
    ),
    "a hash": (_one("estimate_revision", "content_hash = 'x'", OPEN_REVISION), CONTENT, "TAMPERED"),
    "document and hash together": (lambda: _cheaper(with_hash=True), NOTED, "TAMPERED, revision 1"),
    "document and hash under a signature": (
        lambda: _cheaper(with_hash=True, number=1),
        COVERED,
        "TAMPERED, it does not cover",
    ),
    "a revision taken away": (
        lambda: change(f"UPDATE estimate_revision SET n = 7 WHERE {OPEN_REVISION}"),
        NOTED,
        "TAMPERED, revision 1",
    ),
    "a signature's total": (
        _one("signature", "total_cents = 1", SIGNED_ONE),
        COVERED,
        "the estimate has another total",
    ),
    "a signature's option": (_one("signature", "option_key = '9'", SIGNED_ONE), COVERED, "TAMPERED"),
    "a signature's choice": (_one("signature", "choice = '{}'", SIGNED_ONE), COVERED, "TAMPERED"),
    "a signature's terms": (_one("signature", "terms_hash = 'x'", SIGNED_ONE), COVERED, "TAMPERED"),
    "an accepted estimate's revision": (
        _one("estimate", "current_revision = 2", ACCEPTED_ONE),
        COVERED,
        "is not on the current revision",
    ),
    "an accepted estimate's total": (
        _one("estimate", "total_cents = 1", ACCEPTED_ONE),
        COVERED,
        "the estimate has another total",
    ),
    "an acceptance without a signature": (
        _one("estimate", "status = 'accepted'", OPEN_ONE),
        SIGNED,
        "accepted, with 0 signatures",
    ),
    "a signature taken away": (
        lambda: change(f"DELETE FROM signature WHERE {SIGNED_ONE}"),
        SIGNED,
        "accepted, with 0 signatures",
    ),
    "a signed estimate opened again": (
        _one("estimate", "status = 'sent'", ACCEPTED_ONE),
        SIGNED,
        "sent, with 1 signatures",
    ),
    "a second signature": (_second_signature, SIGNED, "with 2 signatures"),
    "no signed PDF": (lambda: change("DELETE FROM signed_pdf"), PAPERS, "no signed PDF was asked for"),
    "a signed PDF": (
        lambda: change("UPDATE signed_pdf SET made_at = CURRENT_TIMESTAMP, sha256 = 'x'"),
        PAPERS,
        "TAMPERED, the PDF of certificate",
    ),
    "a job of an open estimate": (
        _one("job", f"estimate_id = (SELECT id FROM estimate WHERE {OPEN_ONE})", SIGNED_ONE),
        JOBS,
        "is sent",
    ),
    "a job for another amount": (
        _one("job", "contract_total_cents = 1", SIGNED_ONE),
        JOBS,
        "its contract total is not that of",
    ),
    "a total in a row": (
        lambda: _without_checks("UPDATE estimate_revision SET total_cents = 5"),
        SUMS,
        "its sums do not add up",
    ),
    "a total in a document": (
        lambda: _rewrite(_document(3)[1].replace("246413", "246400"), with_hash=True),
        SUMS,
        "option 1 does not add up",
    ),
    "a line in a document": (
        lambda: _rewrite(
            _document(3)[1].replace('"amount_cents":48000', '"amount_cents":48001'), with_hash=True
        ),
        SUMS,
        "its lines do not add up",
    ),
    "a document of another shape": (
        lambda: _rewrite(json.dumps({"options": [{}]}), with_hash=True),
        SUMS,
        "its document cannot be read",
    ),
    "another total in row and document": (
        _one(
            "estimate_revision",
            "subtotal_cents = subtotal_cents + 1, total_cents = total_cents + 1",
            OPEN_REVISION,
        ),
        SUMS,
        "different totals",
    ),
    "a gap": (
        _one(
            "estimate", "number = replace(number, '-00002', '-00009')", "tenant_id = 1 AND number IS NOT NULL"
        ),
        NUMBERS,
        "numbers are missing, the first is 2",
    ),
    "all jobs gone": (lambda: change("DELETE FROM job"), NUMBERS, "no number is there"),
    "a counter set back": (
        _one("number_sequence", "next = 1", "kind = 'EST' AND tenant_id = 1"),
        NUMBERS,
        "the counter is not behind the last number",
    ),
    "a counter gone": (lambda: change("DELETE FROM number_sequence"), NUMBERS, "the counter is not behind"),
    "a number that is none": (
        _one("estimate", "number = 'EST-26-1'", OPEN_ONE),
        NUMBERS,
        "number EST-26-1: is not one of EST",
    ),
}


def _without_checks(statement: str) -> None:
    """A CHECK of the schema would refuse this one: the schema must be damaged, too."""
    with unguarded() as connection:
        if db.engine.dialect.name == "sqlite":
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.execute("PRAGMA ignore_check_constraints=ON")
            raw.execute(statement)
            raw.execute("PRAGMA ignore_check_constraints=OFF")
        else:
            connection.execute(
                text("ALTER TABLE estimate_revision DROP CONSTRAINT ck_estimate_revision_sums")
            )
            connection.execute(text(statement))


@pytest.mark.parametrize(("damage", "invariant", "words"), BROKEN.values(), ids=list(BROKEN))
def test_what_is_broken_is_named(work: None, damage: Callable[[], None], invariant: str, words: str) -> None:
    damage()
    said = found()
    assert invariant in said, said
    assert any(words in row for row in said[invariant]), said


def test_every_check_is_shown_to_fire() -> None:
    fired = {
        invariant for _damage, invariant, _words in (*BROKEN.values(), *test_verify_money.BROKEN.values())
    }
    assert fired == set(CHECKS)


def test_each_company_is_looked_at_on_its_own(work: None, rival: Company) -> None:
    change("UPDATE estimate SET number = 'EST-1' WHERE tenant_id = :id", id=rival.tenant_id)
    rows = found()[NUMBERS]
    assert rows
    assert all(row.startswith("rival-air: ") for row in rows)


def test_soft_deleted_rows_still_count(work: None, acme: Company) -> None:
    with acme.scope():
        for model in (Estimate, Job):
            for row in db.session.query(model):
                row.deleted_at = row.created_at
        db.session.commit()
    assert found() == {}


def test_the_command_answers_one_and_names_the_rows(work: None, processes: Processes) -> None:
    good = processes.run("verify")
    assert f"All {len(CHECKS)} invariants hold in every company." in good.output
    _cheaper(with_hash=False)
    bad = processes.start("verify")
    assert bad.wait() == 1
    assert "acme-hvac: estimate_revision" in bad.output
    assert f"TAMPERED, the document does not have its hash [broken: {CONTENT}]" in bad.output
