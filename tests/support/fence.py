"""What the tests of the fence share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import g
from sqlalchemy import (
    select,
)

from pillar.extensions import db
from pillar.models import (
    Contact,
    Customer,
)
from tests.support.cast import Company

CUSTOMERS, CONTACTS = Customer.__table__, Contact.__table__


def rows(statement: Any) -> str:
    """Everything that a statement returns, as one text to search for names."""
    return str([tuple(map(str, row)) for row in db.session.execute(statement).all()])


def customer_ids(company: Company) -> list[int]:
    with company.scope():
        return list(db.session.scalars(select(Customer.id)))


@contextmanager
def writing() -> Iterator[None]:
    """The test's own context reads only; this part of it writes."""
    db.session.rollback()
    g.reads_only = False
    try:
        yield
    finally:
        db.session.rollback()
        g.reads_only = True


@contextmanager
def raising(error: type[Exception], name: str) -> Iterator[None]:
    """As `pytest.raises`, naming the case of a table that did not raise."""
    try:
        yield
    except error:
        return
    pytest.fail(f"{name}: no {error.__name__}")
