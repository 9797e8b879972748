"""The floor: a bare Flask page with a Jinja template and two ORM reads by key. No session, no fence, no headers.

Nothing that answers with data from a database through this stack can cost less; the product's pages are measured
as a share of it. Served by the same server with the same settings: `gunicorn pillar.bench.floor:app`.
"""

from __future__ import annotations

import os

from flask import Flask, render_template_string
from sqlalchemy import Text, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

_LINES = 6
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ page.title }}</title></head>
<body><h1>{{ page.title }}</h1><p>For {{ person.name }}</p>
<table>{% for n in range(lines) %}<tr><td>{{ page.title }} {{ n }}</td><td>{{ page.body }}</td></tr>{% endfor %}</table>
</body></html>"""


class Base(DeclarativeBase):
    """Tables of the floor alone."""


class Page(Base):
    """What the page shows."""

    __tablename__ = "page"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)


class Person(Base):
    """Whom it is for."""

    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)


def create_floor(database_url: str) -> Flask:
    """The floor on a database of its own, filled on the way."""
    engine = create_engine(database_url)
    Base.metadata.create_all(engine)
    sessions = sessionmaker(engine)
    with sessions.begin() as session:
        session.merge(Page(id=1, title="Water heater replacement", body="A line of text that is shown."))
        session.merge(Person(id=1, name="John Mitchell"))
    app = Flask("floor")

    @app.get("/")
    def show() -> str:
        with sessions() as session:
            return _render(session)

    return app


def _render(session: Session) -> str:
    page, person = session.get_one(Page, 1), session.get_one(Person, 1)
    return render_template_string(_PAGE, page=page, person=person, lines=_LINES)


if url := os.environ.get("PILLAR_BENCH_FLOOR_URL"):
    app = create_floor(url)
