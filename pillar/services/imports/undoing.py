"""Taking an import back, for 14 days: what it made is removed and what it changed is restored, chunk by chunk.

What somebody worked with since stays and is named: a customer with an estimate, a call or an edit of its own as a
whole, of an updated customer only the fields that were changed again. Rows are taken from the last to the first, so
that what a later row did to an earlier one's customer is gone first. `batch.undone_rows` is written with each chunk.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, inspect, select, update

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.customer import (
    Contact,
    Customer,
    CustomerContact,
    InternalNote,
    Phone,
    ServiceLocation,
)
from pillar.models.imports import ImportBatch, ImportRow, ImportStatus, Undone, Verdict
from pillar.services.imports.fingerprints import row_digest
from pillar.services.imports.pointers import pointed_to
from pillar.services.imports.updating import load_customers, look_of, reindex

_CHANGING = (Verdict.CREATE, Verdict.UPDATE)
_FIELDS = {
    "external_id": "ID",
    "email": "email",
    "name": "contact's name",
    "tags": "tags",
    "status": "status",
    "latitude": "place on the map",
    "longitude": "place on the map",
}
_KINDS: dict[str, Any] = {
    "customer": Customer,
    "contact": Contact,
    "service_location": ServiceLocation,
    "place": ServiceLocation,
    "phone": Phone,
    "link": CustomerContact,
}
_NEW_WORDS = {"place": "service location", "contact": "contact", "phone": "phone number", "link": "contact"}
WITH_CUSTOMER = "Goes or stays with its customer, who came in this file too."
CHANGED_SINCE = "Changed since, so it stays."
_NOT_UNDONE = "This import cannot be undone any more."


def ask_undo(batch: ImportBatch) -> bool:
    """Ask for an import to be taken back; False when somebody did so already."""
    if batch.status in {ImportStatus.UNDOING, ImportStatus.UNDONE}:
        return False
    if not may_undo(batch):
        raise RuleViolation(_NOT_UNDONE)
    batch.status = ImportStatus.UNDOING
    batch.failure = ""
    batch.attempts = 0
    batch.due_at, batch.rung_at = clock.real_now(), None
    batch.audit("import.undo_started", file=batch.file_name)
    return True


def may_undo(batch: ImportBatch) -> bool:
    """Whether there is something to take back, and still time."""
    is_over = batch.status in {ImportStatus.DONE, ImportStatus.FAILED}
    return is_over and batch.undo_until is not None and clock.now() < batch.undo_until and not batch.purged_at


def next_rows(batch: ImportBatch, count: int, above: int | None = None) -> Sequence[ImportRow]:
    """The rows to take back next, the last of the file first; `above` row so and so, where one stands already."""
    query = select(ImportRow).where(
        ImportRow.batch_id == batch.id, ImportRow.undone.is_(None), ImportRow.verdict.in_(_CHANGING)
    )
    if above is not None:
        query = query.where(ImportRow.n < above)
    return db.session.scalars(query.order_by(ImportRow.n.desc()).limit(count)).all()


def undo_chunk(batch: ImportBatch, rows: Sequence[ImportRow]) -> None:
    """Take these rows back in the open transaction; the caller commits."""
    _Chunk(batch, rows).undo()
    counts = Counter(row.undone for row in rows if row.undone)
    batch.undone_rows += len(rows)
    batch.kept_rows += counts[Undone.KEPT]
    batch.audit("import.undo_chunk", rows=len(rows), **{str(what): n for what, n in counts.items()})


def finish_undo(batch: ImportBatch) -> None:
    """Everything is taken back that can be."""
    batch.status = ImportStatus.UNDONE
    batch.finish()
    batch.audit("import.undone", rows=batch.undone_rows, kept=batch.kept_rows)


class _Chunk:
    """The rows of one chunk, their customers, and who points to those."""

    def __init__(self, batch: ImportBatch, rows: Sequence[ImportRow]) -> None:
        self._rows = rows
        ids = {row.customer_id for row in rows if row.customer_id}
        self._customers = load_customers(ids)
        made = [row for row in self._rows_of(batch, ids) if row.customer_id]
        self._makers = {row.customer_id: row for row in made if row.verdict is Verdict.CREATE}
        self._contacts: dict[int, set[int]] = defaultdict(set)
        for row in made:
            self._contacts[row.customer_id or 0] |= _made_contacts(row)
        self._pointed = pointed_to(self._customers.values())
        self._removed: list[Customer] = []
        self._free: set[int] = set()
        self._restored: dict[int, Customer] = {}

    def undo(self) -> None:
        """Decide row by row, then write."""
        for row in self._rows:
            if row.verdict is Verdict.UPDATE:
                self._restore(row)
            else:
                self._take_away(row)
        db.session.flush()
        self._delete()
        gone = {customer.id for customer in self._removed}
        reindex({row_id: one for row_id, one in self._restored.items() if row_id not in gone})

    def _rows_of(self, batch: ImportBatch, ids: set[int]) -> Sequence[ImportRow]:
        # By the customers alone: with the batch asked for too, SQLite would read all of its rows.
        rows = db.session.scalars(select(ImportRow).where(ImportRow.customer_id.in_(sorted(ids))))
        return [row for row in rows if row.batch_id == batch.id and row.verdict in _CHANGING]

    def _restore(self, row: ImportRow) -> None:
        """Put back what an update replaced, field by field."""
        customer = self._customers.get(row.customer_id or 0)
        if row.customer_id in self._makers:
            # The customer itself is this import's: it goes, or stays, as a whole.
            row.undone, row.undo_note = Undone.NOTHING, WITH_CUSTOMER
            return
        if customer is None or not row.made:
            row.undone = Undone.NOTHING
            return
        here = _rows_by_key(customer)
        kept = [self._put_back(here, change) for change in reversed(row.made.get("set", ()))]
        kept += self._remove_added(here, row.made.get("new", ()))
        self._restored[customer.id] = customer
        words = list(dict.fromkeys(filter(None, kept)))
        row.undone = Undone.KEPT if words else Undone.RESTORED
        row.undo_note = f"Changed since, so it stays: {', '.join(words)}." if words else ""

    def _put_back(self, here: dict[tuple[str, int], Any], change: Sequence[Any]) -> str:
        """One value; the name of the field when somebody changed it since."""
        table, row_id, name, before, after = change
        row = here.get((table, row_id))
        if row is None:
            return _field_words(table, name)
        if name == "email" and (table, row_id) in self._pointed:
            # Somebody signed in with it, or signed.
            return _field_words(table, name)
        if getattr(row, name) != after:
            return "" if getattr(row, name) == before else _field_words(table, name)
        setattr(row, name, _typed(type(row), name, before))
        return ""

    def _remove_added(self, here: dict[tuple[str, int], Any], added: Sequence[Sequence[Any]]) -> list[str]:
        """The rows that an update added; words for those that stay."""
        people = [(row_id, digest) for kind, row_id, digest in added if kind == "contact"]
        if any(self._is_worked_with(here.get(("contact", row_id)), digest) for row_id, digest in people):
            # Somebody works with the person: it stays with its number.
            added = [one for one in added if one[0] == "place"]
            return ["contact", *(self._remove_new(here, *one) for one in reversed(added))]
        self._free |= {row_id for row_id, _digest in people}
        return [self._remove_new(here, *one) for one in reversed(added) if one[0] != "contact"]

    def _remove_new(self, here: dict[tuple[str, int], Any], kind: str, row_id: int, digest: str) -> str:
        """One of them; its words when it stays."""
        row = here.get((_KINDS[kind].__tablename__, row_id))
        if row is None:
            return ""
        if self._is_worked_with(row, digest):
            return _NEW_WORDS[kind]
        owners = {
            "phone": ("contact", "phones"),
            "place": ("customer", "locations"),
            "link": ("customer", "contact_links"),
        }
        owner, rows = owners[kind]
        getattr(getattr(row, owner), rows).remove(row)
        db.session.delete(row)
        return ""

    def _is_worked_with(self, row: Any, digest: str) -> bool:
        if row is None:
            return False
        return (row.__tablename__, row.id) in self._pointed or row_digest(type(row), row) != digest

    def _take_away(self, row: ImportRow) -> None:
        """Remove a customer that this import made, unless somebody worked with it."""
        customer = self._customers.get(row.customer_id or 0)
        if customer is None:
            row.undone = Undone.NOTHING
            return
        own = set((row.made or {}).get("contacts", ()))
        self._take_phones_back(row)
        if used := self._used_for(customer):
            row.undone, row.undo_note = Undone.KEPT, f"Has {used} by now, so it stays."
        elif look_of(customer, own) != row.fingerprint:
            row.undone, row.undo_note = Undone.KEPT, CHANGED_SINCE
        else:
            row.undone, row.customer_id = Undone.REMOVED, None
            self._removed.append(customer)

    def _take_phones_back(self, row: ImportRow) -> None:
        """Numbers that this row gave to somebody who was there before."""
        for contact_id, e164, raw in (row.made or {}).get("phones", ()):
            contact = db.session.get(Contact, contact_id)
            for phone in list(contact.phones if contact else ()):
                if contact and (phone.e164, phone.raw, phone.type) == (e164, raw, ""):
                    contact.phones.remove(phone)
                    self._restored |= {link.customer_id: link.customer for link in contact.customer_links}

    def _used_for(self, customer: Customer) -> str:
        keys = [("customer", customer.id)]
        keys += [("service_location", place.id) for place in customer.locations]
        keys += [("contact", contact_id) for contact_id in sorted(self._contacts[customer.id])]
        return next((self._pointed[key] for key in keys if key in self._pointed), "")

    def _delete(self) -> None:
        ids = sorted(customer.id for customer in self._removed)
        if ids:
            for customer in self._removed:
                self._free |= {link.contact_id for link in customer.contact_links} & self._contacts[
                    customer.id
                ]
            _run(update(ImportRow).where(ImportRow.customer_id.in_(ids)).values(customer_id=None))
            kinds: tuple[Any, ...] = (InternalNote, ServiceLocation, CustomerContact)
            for kind in kinds:
                _run(delete(kind).where(kind.customer_id.in_(ids)))
            _run(delete(Customer).where(Customer.id.in_(ids)))
        self._delete_people()

    def _delete_people(self) -> None:
        """Those whom this import made and who speak for nobody any more."""
        free = sorted(self._free)
        if not free:
            return
        linked = set(
            db.session.scalars(select(CustomerContact.contact_id).where(CustomerContact.contact_id.in_(free)))
        )
        gone = [contact_id for contact_id in free if contact_id not in linked]
        _run(delete(Phone).where(Phone.contact_id.in_(gone)))
        _run(delete(Contact).where(Contact.id.in_(gone)))


def _made_contacts(row: ImportRow) -> set[int]:
    made = row.made or {}
    added = {row_id for kind, row_id, _digest in made.get("new", ()) if kind == "contact"}
    return added | set(made.get("contacts", ()))


def _rows_by_key(customer: Customer) -> dict[tuple[str, int], Any]:
    contacts = [link.contact for link in customer.contact_links]
    phones = [phone for contact in contacts for phone in contact.phones]
    rows: list[Any] = [customer, *customer.locations, *customer.contact_links, *contacts, *phones]
    return {(row.__tablename__, row.id): row for row in rows}


def _field_words(table: str, name: str) -> str:
    if table == "customer" and name.startswith("billing_"):
        return "billing address"
    if table == "service_location":
        return _FIELDS.get(name, "service location")
    return _FIELDS.get(name, name.replace("_", " "))


def _typed(model: Any, name: str, value: Any) -> Any:
    """A value out of JSON as its column has it."""
    kind = getattr(inspect(model).columns[name].type, "enum_class", None)
    return kind(value) if kind is not None and value is not None else value


def _run(statement: Any) -> None:
    db.session.execute(statement, execution_options={"synchronize_session": False})
