"""The page "Check your inbox": the same whether or not anybody was found (DESIGN 3)."""

from __future__ import annotations

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pillar.extensions import db
from pillar.http.access import PUBLIC, needs
from pillar.http.limits import CODES_OF_CLIENT, is_within
from pillar.http.portal_company import open_portal
from pillar.http.scope import client_address
from pillar.models.customer import Contact
from pillar.models.portal import LookupPurpose, SignInLink
from pillar.portal import asking
from pillar.portal.asking import Waiting
from pillar.portal.blueprint import bp
from pillar.portal.entry import let_in
from pillar.services import one_time_links
from pillar.services.branding import CompanyProfile

WRONG_CODE = "That code did not work. Check it, or send a new link."
_TOO_SOON = "Give it a minute to arrive, then send it again."


@bp.get("/sent")
@needs(PUBLIC)
def inbox(slug: str) -> ResponseReturnValue:
    """What was typed, what happens next, the field for the code."""
    company = open_portal(slug)
    waiting = Waiting.here(company)
    return page(waiting) if waiting else _ask_again(slug)


@bp.post("/sent")
@needs(PUBLIC)
def send_again(slug: str) -> ResponseReturnValue:
    """The same once more; the link before it ends."""
    company = open_portal(slug)
    waiting = Waiting.here(company)
    typed = waiting.typed() if waiting else None
    if waiting is None or typed is None:
        return _ask_again(slug)
    if not waiting.may_resend:
        return page(waiting, notice=_TOO_SOON), 422
    sent = asking.send(LookupPurpose(waiting.purpose), typed, waiting.shown, waiting.next_path)
    return sent or page(waiting)


@bp.post("/sign-in/code")
@needs(PUBLIC)
def take_code(slug: str) -> ResponseReturnValue:
    """The code of the message, typed in the browser that asked for it."""
    company = open_portal(slug)
    waiting = Waiting.here(company)
    contact = redeem_typed_code(asking.pending_request())
    if contact is not None:
        return let_in(contact, "code", waiting.next_path if waiting else "")
    return (page(waiting, wrong_code=True), 422) if waiting else _ask_again(slug)


def redeem_typed_code(request_id: str, link: SignInLink | None = None) -> Contact | None:
    """Take the posted code for this request; a wrong one is counted, and the count is saved."""
    if not is_within(CODES_OF_CLIENT, "portal-code", str(g.company.tenant_id), client_address()):
        return None
    contact = one_time_links.redeem_code(request_id, request.form.get("code", "")[:40], link)
    if contact is None:
        db.session.commit()
    return contact


def page(waiting: Waiting, *, notice: str = "", wrong_code: bool = False) -> str:
    """The page; when mail cannot leave it says so, whoever asks."""
    company: CompanyProfile = g.company
    return render_template(
        "portal/check_inbox.html",
        company=company,
        waiting=waiting,
        can_send=asking.can_send(),
        notice=notice,
        code_error=WRONG_CODE if wrong_code else "",
    )


def _ask_again(slug: str) -> ResponseReturnValue:
    return redirect(url_for("portal.sign_in", slug=slug), 303)
