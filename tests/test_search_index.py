"""The search index: kept with the rows in one transaction, behind the fence, the same on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, insert, make_url, select, text, update

from pillar.errors import FenceBreached, NoTenant
from pillar.extensions import db
from pillar.models import Customer, Estimate, InternalNote, Job
from pillar.models.search import CustomerWords, EstimateWords, JobWords, NoteWords, number_words
from pillar.services import customers
from pillar.services.customers import CustomerInput
from pillar.services.word_search import matching_ids
from pillar.tenancy import across_tenants
from tests.support import migrations, postgres
from tests.support.fence import raising, writing

SEARCHED = (Customer, InternalNote, Estimate, Job)
WORDS = (CustomerWords, NoteWords, EstimateWords, JobWords)


def found(typed: str, **options: bool) -> list[int]:
    return matching_ids(Customer, typed, **options)


def test_every_way_of_writing_a_row_writes_its_words(acme, rival):
    """Objects, statements for many rows, savepoints, rollbacks: triggers and indexes see them all."""
    with writing(), acme.scope():
        made = customers.create_customer(CustomerInput(display_name="Quill Ferry"))
        assert found("quil") == [made.id]
        nested = db.session.begin_nested()
        made.search_text = " gone"
        db.session.flush()
        assert (found("quil"), found("gone")) == ([], [made.id])
        nested.rollback()
        assert (found("quil"), found("gone")) == ([made.id], [])
        rows = [{"display_name": f"Bulk {n}", "search_text": f" bulk n{n}", "tags": []} for n in range(3)]
        db.session.execute(insert(Customer), rows)
        assert len(found("bulk")) == 3
        db.session.execute(update(Customer).where(Customer.id == found("n1")[0]).values(search_text=" other"))
        assert (len(found("bulk")), len(found("other"))) == (2, 1)
        db.session.execute(delete(Customer).where(Customer.id.in_(found("bulk"))))
        assert found("bulk") == []
        customers.delete_customer(made)
        db.session.flush()
        assert (found("quil"), found("quil", is_deleted=True)) == ([], [made.id])
        db.session.rollback()
        assert found("quil") == found("other") == []


def test_documents_and_notes_have_their_words(furnished):
    ours, _rivals = furnished
    with ours.company.scope():
        assert len(matching_ids(InternalNote, "gate amb")) == 1
        for typed in ("EST-2026-03001", "3001", "est-3001", "est3001", "03001", "amber heater"):
            assert len(matching_ids(Estimate, typed)) == 1, typed
        assert len(matching_ids(Job, "job 3001")) == 1
        for typed in ("7001", "zephyr", "est-7001"):
            assert [matching_ids(model, typed) for model in SEARCHED] == [[], [], [], []], typed
    assert number_words("EST-2026-00042") == ("EST-2026-00042", "EST-42")


def test_without_a_tenant_nothing_is_found(acme):
    for model in SEARCHED:
        with pytest.raises(NoTenant):
            matching_ids(model, "john")
        # Across tenants there is no company whose words these could be.
        with across_tenants(db.session(), "the search is tested"):
            if db.engine.dialect.name == "sqlite":
                with pytest.raises(NoTenant):
                    matching_ids(model, "john")


@pytest.mark.only_on("sqlite", "PostgreSQL searches the rows themselves; their fence has tests of its own")
def test_the_full_text_tables_are_fenced_like_any_other(acme, rival):
    theirs = f'"{rival.tenant_id:08x}lrae"*'
    for name, do in {
        "all of it": lambda: db.session.scalars(select(CustomerWords.id)).all(),
        "text": lambda: db.session.execute(text("SELECT rowid FROM customer_words")).all(),
    }.items():
        with raising(NoTenant, name):
            do()
    with acme.scope():
        assert [len(db.session.scalars(select(words.id)).all()) for words in WORDS] == [1, 0, 0, 0]
        everything = CustomerWords.everything
        assert db.session.scalars(select(CustomerWords.id).where(everything.op("MATCH")(theirs))).all() == []
        with pytest.raises(FenceBreached):
            db.session.execute(select(CustomerWords.__table__)).all()
        for sql in ("SELECT rowid FROM customer_words", "SELECT * FROM internal_note_words('x')"):
            with pytest.raises(FenceBreached):
                db.session.execute(text(sql)).all()
    with rival.scope():
        assert len(db.session.scalars(select(CustomerWords.id).where(everything.op("MATCH")(theirs))).all())


@pytest.mark.only_on("sqlite", "PostgreSQL keeps its indexes itself")
def test_no_migration_has_lost_a_trigger(acme):
    """Copying a table (batch_alter_table) drops its triggers."""
    kept = set(db.session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))
    tables = [words.__tablename__ for words in WORDS]
    assert {f"{table}_{event}" for table in tables for event in ("insert", "update", "delete")} <= kept


@pytest.mark.only_on("sqlite", "as above")
def test_each_company_has_words_of_its_own(acme, rival):
    """One company's search never reads another's words: the first characters of each name its company."""
    with across_tenants(db.session(), "the search index is looked at"):
        db.session.execute(text("CREATE VIRTUAL TABLE temp.seen USING fts5vocab(main, customer_words, row)"))
        terms = list(db.session.scalars(text("SELECT term FROM temp.seen")))
        db.session.execute(text("DROP TABLE temp.seen"))
    assert {term[:9] for term in terms} == {f"{each.tenant_id:08x}l" for each in (acme, rival)}


@pytest.mark.only_on("postgresql", "SQLite has no extensions")
def test_a_role_that_may_not_make_extensions_is_told_what_to_do(database):
    if not database.store.server.is_ours:
        pytest.skip("the server is not ours: no role is made on it")
    url = database.store.spare("plain")
    with postgres.Server(make_url(url), is_ours=True).connect() as connection:
        connection.execute("DROP ROLE IF EXISTS plain")
        connection.execute("CREATE ROLE plain LOGIN")
        connection.execute("GRANT ALL ON SCHEMA public TO plain")
    plain = make_url(url).set(username="plain").render_as_string(hide_password=False)
    with database.another_app(database_url=plain) as app, app.app_context():
        with pytest.raises(RuntimeError, match=r"CREATE EXTENSION pg_trgm.*docs/deploying\.md"):
            migrations.upgrade("0003")
