"""Customers from a spreadsheet: by the worker, by the command, by the office's pages (6.7)."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import func, select

from pillar.config import Config
from pillar.extensions import db
from pillar.models import AuditEvent, Contact, Customer, ImportBatch, ImportRow, Phone, ServiceLocation
from pillar.models.customer import CustomerKind, PortalAccess
from pillar.models.imports import ImportStatus, Verdict
from pillar.services import customers
from pillar.services.imports import running
from pillar.services.imports.files import receive_file
from pillar.tasks import imports as task
from tests.support.imports import SAMPLE, SAMPLE_ROWS, bring_in, count, counts, table, work, writing_in


@pytest.fixture
def config(app) -> Config:
    return app.config["PILLAR_CONFIG"]


def test_the_excerpt_comes_in_clean_and_every_row_once(acme, config):
    with writing_in(acme):
        before = count(Customer)
        batch = bring_in(config, acme, SAMPLE.read_bytes())
        assert counts(batch) == ("done", SAMPLE_ROWS, SAMPLE_ROWS, 0, 0)
        assert count(Customer) == before + SAMPLE_ROWS
        found = {row.external_id: row for row in db.session.scalars(select(Customer))}
        blackwell = db.session.scalars(
            select(Customer).where(Customer.display_name == "Blackwell Public Library")
        ).one()
        assert (
            blackwell.billing_address
            == blackwell.locations[0].address
            == "123 West Padon, Blackwell, OK 74631-2805"
        )
        assert blackwell.kind is CustomerKind.COMPANY
        assert blackwell.source == "Import"
        assert blackwell.contacts[0].phone.e164 == "+15803631809"
        assert [name for name in found if name.startswith("-")] == []
        assert count(ImportRow) == SAMPLE_ROWS


def test_ids_that_repeat_are_different_customers(acme, config):
    with writing_in(acme):
        bring_in(config, acme, SAMPLE.read_bytes())
        query = select(Customer.external_id).group_by(Customer.external_id).having(func.count() > 1)
        assert len(db.session.scalars(query.where(Customer.external_id != "")).all()) == 13


def test_what_the_import_indexes_is_what_a_change_would_index(acme, config):
    with writing_in(acme):
        bring_in(config, acme, SAMPLE.read_bytes())
        for customer in db.session.scalars(select(Customer)):
            imported = customer.search_text, customer.sort_name
            customer.reindex()
            assert (customer.search_text, customer.sort_name) == imported


def test_sending_the_file_again_brings_nobody_twice(acme, config):
    with writing_in(acme):
        bring_in(config, acme, SAMPLE.read_bytes())
        before = count(Customer)
        assert counts(bring_in(config, acme, SAMPLE.read_bytes())) == ("done", SAMPLE_ROWS, 0, SAMPLE_ROWS, 0)
        assert count(Customer) == before


def test_another_companys_customers_are_no_duplicates(acme, rival, config):
    with writing_in(acme):
        bring_in(config, acme, SAMPLE.read_bytes())
    with writing_in(rival):
        assert counts(bring_in(config, rival, SAMPLE.read_bytes()))[2] == SAMPLE_ROWS


def test_a_killed_import_goes_on_behind_what_is_in(acme, config, monkeypatch):
    monkeypatch.setattr(task, "MOST_ROWS", 30)
    monkeypatch.setattr(task, "_FEWEST_ROWS", 30)
    with writing_in(acme):
        before = count(Customer)
        batch = bring_in(config, acme, SAMPLE.read_bytes(), rows_at_most=60)
        assert counts(batch) == ("running", 60, 60, 0, 0)
        batch.lease_until = None
        db.session.commit()
        work(config, batch.id)
        assert counts(db.session.get_one(ImportBatch, batch.id)) == ("done", SAMPLE_ROWS, SAMPLE_ROWS, 0, 0)
        assert count(Customer) == before + SAMPLE_ROWS
        chunks = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "import.chunk")).all()
        assert len(chunks) == 4


def test_who_lost_the_lease_writes_nothing_more(acme, config):
    with writing_in(acme):
        received = receive_file(config.data_dir, acme.public_id, io.BytesIO(SAMPLE.read_bytes()))
        batch_id = running.start_import("list.csv", received.key, received.rows, "").id
        db.session.commit()
        ImportBatch.claim(db.session(), batch_id, 30)
        db.session.commit()
        before = count(Customer)
        task.work_through(config, batch_id, "somebody else's", turn_seconds=None)
        assert count(Customer) == before


def test_a_long_import_lets_others_have_a_turn(acme, config, monkeypatch):
    monkeypatch.setattr(task, "MOST_ROWS", 30)
    monkeypatch.setattr(task, "_FEWEST_ROWS", 30)
    with writing_in(acme):
        received = receive_file(config.data_dir, acme.public_id, io.BytesIO(SAMPLE.read_bytes()))
        batch_id = running.start_import("list.csv", received.key, received.rows, "").id
        db.session.commit()
        for turn in range(1, 5):
            token = ImportBatch.claim(db.session(), batch_id, 30)
            db.session.commit()
            task.work_through(config, batch_id, token, turn_seconds=0)
            assert db.session.get_one(ImportBatch, batch_id).done_rows == min(30 * turn, SAMPLE_ROWS)


def test_a_file_that_always_breaks_is_given_up(acme, config):
    with writing_in(acme):
        received = receive_file(config.data_dir, acme.public_id, io.BytesIO(SAMPLE.read_bytes()))
        batch = running.start_import("list.csv", received.key, received.rows, "")
        batch.attempts = 50
        db.session.commit()
        work(config, batch.id)
        assert db.session.get_one(ImportBatch, batch.id).status is ImportStatus.FAILED


def test_a_file_that_is_gone_is_said(acme, config):
    with writing_in(acme):
        batch = running.start_import("list.csv", "x" * 22 + ".csv", 3, "")
        batch_id = batch.id
        db.session.commit()
        work(config, batch_id)
        assert db.session.get_one(ImportBatch, batch_id).failure == running.FILE_GONE


def test_rows_that_cannot_come_in_keep_their_cells_and_a_reason(acme, config):
    body = table("Name,Email,Notes", "Ann,ann@b.example,x", ",b@b.example,=1+1", "Bob,bob at home,")
    with writing_in(acme):
        batch = bring_in(config, acme, body)
        assert counts(batch) == ("done", 3, 1, 0, 2)
        rows = db.session.scalars(
            select(ImportRow).where(ImportRow.verdict == Verdict.REJECT).order_by(ImportRow.n)
        ).all()
        assert [(row.n, row.reason) for row in rows] == [
            (3, "There is no name in this row."),
            (4, "“bob” is not an email address."),
        ]
        assert rows[0].cells == ["", "b@b.example", "=1+1"]


@pytest.mark.parametrize(
    ("first", "second", "created"),
    [
        ("1,Ann,1 Oak St,Dayton,", "2,ANN,1 OAK ST.,DAYTON,", 1),
        ("1,Ann,1 Oak St,Dayton,", "1,Ann,9 Elm St,Dayton,", 1),
        ("1,Ann,1 Oak St,Dayton,", "1,Bob,1 Oak St,Dayton,", 2),
        ("1,Ann,1 Oak St,Dayton,", ",Ann,9 Elm St,Dayton,", 2),
        (",Ann,,,9375550199", ",Ann,,,(937) 555-0199", 1),
        (",Ann,,,9375550199", ",Ann,,,9375550198", 2),
        (",Ann,,,", ",Ann,,,", 1),
        (",Ann,1 Oak St,,9375550199", ",Ann,,,9375550199", 1),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_who_is_a_duplicate(acme, config, first, second, created, together):
    head = "ID,Name,Street,City,Phone"
    files = [table(head, first, second)] if together else [table(head, first), table(head, second)]
    with writing_in(acme):
        assert sum(bring_in(config, acme, body).created_rows for body in files) == created


def test_an_archived_customer_does_not_stand_in_the_way(acme, config):
    body = table("Name,Street", "Ann,1 Oak")
    with writing_in(acme):
        bring_in(config, acme, body)
        customers.delete_customer(
            db.session.scalars(select(Customer).where(Customer.display_name == "Ann")).one()
        )
        db.session.commit()
        assert bring_in(config, acme, body).created_rows == 1


def test_one_person_of_several_customers_is_one_contact(acme, config):
    head = "Company,Contact,Email,Phone,Street"
    with writing_in(acme):
        before = count(Contact)
        bring_in(
            config,
            acme,
            table(head, "A,Pat Lee,p@b.example,9375550111,1 Oak", "B,Pat Lee,P@b.example,9375550112,2 Oak"),
        )
        bring_in(
            config, acme, table(head, "C,pat lee,p@b.example,9375550113,3 Oak", "D,Kim,p@b.example,,4 Oak")
        )
        assert count(Contact) == before + 2
        pat = db.session.scalars(select(Contact).where(Contact.name == "Pat Lee")).one()
        assert [phone.e164[-4:] for phone in pat.phones] == ["0111", "0112", "0113"]
        assert {link.customer.display_name for link in pat.customer_links} == {"A", "B", "C"}
        kim = db.session.scalars(select(Contact).where(Contact.name == "Kim")).one()
        assert kim.portal_access is PortalAccess.NONE
        for customer in db.session.scalars(select(Customer)):
            indexed = customer.search_text
            customer.reindex()
            assert customer.search_text == indexed


@pytest.mark.parametrize(
    "body",
    [
        "Größe;Name;Phone\r\nx;Zoë;9375550142\r\n".encode(),
        "Name;Phone\r\nZoë;9375550142\r\n".encode("utf-8-sig"),
        "Name;Phone\r\nZoë;9375550142\r\n".encode("cp1252"),
        "Name\tPhone\r\nZoë\t9375550142\r\n".encode("utf-16"),
        "sep=|\r\nName|Phone\r\nZoë|9375550142\r\n".encode(),
        '\r\n\r\n Customer , PHONE NUMBER \n"Zoë","9375550142"\n\n'.encode(),
    ],
)
def test_files_are_read_as_they_come(acme, config, body):
    with writing_in(acme):
        batch = bring_in(config, acme, body)
        assert counts(batch) == ("done", 1, 1, 0, 0)
        zoe = db.session.scalars(select(Customer).where(Customer.display_name == "Zoë")).one()
        assert zoe.contacts[0].phone.e164 == "+19375550142"


def test_a_line_break_inside_quotes_is_one_row(acme, config):
    with writing_in(acme):
        bring_in(config, acme, b'Name,Street,City\n"Ann","1 Oak\nUnit 2",Dayton\n')
        place = db.session.scalars(
            select(ServiceLocation)
            .where(ServiceLocation.city == "Dayton")
            .order_by(ServiceLocation.id.desc())
        ).first()
        assert place.street == "1 Oak Unit 2"


def test_phones_that_are_no_numbers_are_kept_as_typed(acme, config):
    with writing_in(acme):
        bring_in(config, acme, table("Name,Phone", "Ann,call the shop"))
        assert db.session.scalars(select(Phone.raw).where(Phone.e164 == "")).all() == ["call the shop"]
