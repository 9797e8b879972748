"""A test client that behaves like a person's browser without JavaScript, and shares nothing with the test."""

from __future__ import annotations

import contextvars
import re
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

from flask import current_app, g, has_app_context
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from pillar.config import Config
from pillar.extensions import db
from tests.support.cast import PASSWORD
from tests.support.pages import Form, Page

_TOKEN = re.compile(r'<input[^>]*name="csrf_token"[^>]*value="([^"]+)"')


class PillarClient(FlaskClient):
    """Requests run as on a server: no context, session, tenant or transaction comes from the test."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send one request and wait for the whole answer."""
        config: Config = self.application.config["PILLAR_CONFIG"]
        if args and isinstance(args[0], str):
            kwargs.setdefault("base_url", config.base_url)
        kwargs.setdefault("buffered", True)
        _let_go()
        # Flask reuses a pushed application context: a view that forgot to commit would pass.
        return contextvars.Context().run(super().open, *args, **kwargs)

    def page(self, url: str, *, status: int = 200, follow: bool = False, **kwargs: Any) -> Page:
        """Open an address and read the answer."""
        return _expect(Page(self.get(url, follow_redirects=follow, **kwargs)), status)

    def submit(
        self,
        form: Form | Page,
        press: str | None = None,
        /,
        *,
        to: str | None = None,
        follow: bool = False,
        **values: Any,
    ) -> Page:
        """Press the form's button: sends its token, its hidden fields and what the page filled in."""
        form = form.form() if isinstance(form, Page) else form
        sent = form.filled(press, **values)
        target = urlsplit(to or form.target(press))
        came_from = urlsplit(form.page.url)
        headers = {"Referer": form.page.url, "Origin": f"{came_from.scheme}://{came_from.netloc}"}
        if form.method == "GET":
            # A browser replaces the query of a GET form's action.
            return Page(self.get(target.path, query_string=sent, follow_redirects=follow, headers=headers))
        response = self.post(
            f"{target.path}?{target.query}" if target.query else target.path,
            data=sent,
            content_type="multipart/form-data" if form.has_files else "application/x-www-form-urlencoded",
            follow_redirects=follow,
            headers=headers,
        )
        return Page(response)

    def sign_in(self, email: str, password: str = PASSWORD) -> Self:
        """Sign in at the office's door, as a person does."""
        # What `submit` would send, without reading the page as a tree: half of all tests begin here.
        door = self.get("/admin/sign-in")
        data = {"csrf_token": csrf_token(door.text), "email": email, "password": password}
        page = Page(self.post("/admin/sign-in", data=data, headers={"Referer": door.request.url}))
        if page.status != HTTPStatus.SEE_OTHER:
            raise AssertionError(f"{email} was not let in: {page!r}")
        return self

    def follow(self, page: Page, *, status: int = 200) -> Page:
        """Go where a redirect points to."""
        return self.page(page.location, status=status)


def csrf_token(html: str) -> str:
    """The token of the first form on a page."""
    field = _TOKEN.search(html)
    if field is None:
        raise AssertionError(f"no form on {html[:300]!r}")
    return field[1]


def _expect(page: Page, status: int) -> Page:
    if page.status != status:
        raise AssertionError(f"expected {status}: {page!r}")
    return page


def _let_go() -> None:
    """End the test's own transaction: it could hold a lock, and its rows would be stale afterwards."""
    if not has_app_context() or "sqlalchemy" not in current_app.extensions:
        return
    session = db.session()
    if session.new or session.dirty or session.deleted or g.get("unsaved", False):
        raise AssertionError("the test has unsaved changes, which a request cannot see: commit them first")
    session.rollback()


@event.listens_for(Session, "after_flush")
def _note_flush(_session: Session, _context: object) -> None:
    if has_app_context():
        g.unsaved = True


@event.listens_for(Session, "after_commit")
@event.listens_for(Session, "after_soft_rollback")
def _forget_flush(session: Session, *_previous: object) -> None:
    if has_app_context() and not session.in_nested_transaction():
        g.unsaved = False
