"""What a one-time link opens: a button in the browser that asked, the field for the code in any other (1.4, 1.12).

Looking at it changes nothing, so that a mail scanner can look as often as it likes.
"""

from __future__ import annotations

from flask import g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from pillar.extensions import db
from pillar.http.access import PUBLIC, needs
from pillar.http.portal_company import open_portal
from pillar.models.customer import Contact
from pillar.models.portal import LookupPurpose
from pillar.portal import asking
from pillar.portal.asking import Waiting
from pillar.portal.blueprint import bp
from pillar.portal.entry import let_in
from pillar.portal.inbox import WRONG_CODE, redeem_typed_code
from pillar.services import lookups, one_time_links, portal_mail
from pillar.services.one_time_links import Opened
from pillar.tokens import same


@bp.get("/sign-in/link")
@needs(PUBLIC)
def link_page(slug: str) -> ResponseReturnValue:
    """Ask for the button or the code."""
    open_portal(slug)
    opened = _opened()
    return _page(opened) if opened is not None and opened.is_good else _expired(opened)


@bp.post("/sign-in/link")
@needs(PUBLIC)
def use_link(slug: str) -> ResponseReturnValue:
    """Sign in, once."""
    company = open_portal(slug)
    opened = _opened()
    if opened is None or not opened.is_good:
        return _expired(opened)
    waiting = Waiting.here(company)
    if _is_asking_browser(opened):
        if not one_time_links.redeem(opened):
            db.session.rollback()
            return _expired(_opened())
        return let_in(opened.contact, "link", waiting.next_path if waiting else "")
    contact = redeem_typed_code(opened.request_id, opened.link)
    if contact is not None:
        return let_in(contact, "link and code")
    # What was read before the count was saved is gone from the session.
    opened = _opened()
    return (_page(opened, WRONG_CODE), 422) if opened is not None and opened.is_good else _expired(opened)


@bp.post("/sign-in/link/new")
@needs(PUBLIC)
def new_link(slug: str) -> ResponseReturnValue:
    """A fresh link to the person whom the old one was for, at the address that is on file now."""
    open_portal(slug)
    opened = _opened()
    address, shown = _on_file(opened.contact) if opened is not None else ("", "")
    if not address:
        return redirect(url_for("portal.sign_in", slug=slug), 303)
    sent = asking.send(LookupPurpose.SIGN_IN, lookups.understand(address), shown)
    return sent or _expired(opened, is_down=True)


def _opened() -> Opened | None:
    token = asking.opened_token()
    return one_time_links.find(token) if token else None


def _is_asking_browser(opened: Opened) -> bool:
    return same(opened.request_id, asking.pending_request())


def _on_file(contact: Contact) -> tuple[str, str]:
    """Where a fresh link goes, and how much of it is shown to whoever holds the old one."""
    if not contact.is_active:
        return "", ""
    return contact.email or portal_mail.number_of(contact), portal_mail.masked_way(contact)


def _page(opened: Opened, code_error: str = "") -> str:
    asks_for_code = not _is_asking_browser(opened)
    return render_template(
        "portal/link_page.html", company=g.company, asks_for_code=asks_for_code, code_error=code_error
    )


def _expired(opened: Opened | None, *, is_down: bool = False) -> ResponseReturnValue:
    _address, shown = _on_file(opened.contact) if opened is not None else ("", "")
    page = render_template("portal/link_expired.html", company=g.company, shown=shown, is_down=is_down)
    return page, 410
