"""A document link that is over, and the way out: a new one to the contact on file (1.12)."""

from __future__ import annotations

from typing import NoReturn

from flask import Blueprint, abort, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http.access import PUBLIC, needs
from pillar.http.limits import SIGNED_OUT_FORM, client_and_document, limiter
from pillar.http.portal_company import refuse_when_off
from pillar.http.scope import acting, enter_company
from pillar.models.estimate import Estimate
from pillar.models.message import Message, MessageStatus
from pillar.services import companies, document_links, heartbeats, quotes
from pillar.services.branding import CompanyProfile
from pillar.tokens import digest

bp = Blueprint("dead_links", __name__)

# For one document, whoever asks and from wherever.
_FRESH_LINKS = "3 per minute; 10 per hour"
_NOT_SENT = "We could not send it. Try again in a few minutes, or call us."


def refuse_dead(token: str) -> NoReturn:
    """404 for a token that never was one, 410 with the way out for one that is over."""
    company, estimate = _dead(token) or abort(404)
    refuse_over(token, company, estimate)


def refuse_aged(token: str, company: CompanyProfile, estimate: Estimate) -> None:
    """The same for a link that grew older than the company's links may."""
    if document_links.is_aged(estimate, company.document_link_days):
        refuse_over(token, company, estimate)


def refuse_over(token: str, company: CompanyProfile, estimate: Estimate) -> NoReturn:
    """The page of a link that is over."""
    refuse_when_off(company)
    page = render_template(
        "portal/link_over.html",
        company=company,
        action=url_for("public.dead_links.send_fresh", token=token),
        way=document_links.masked_way(estimate),
    )
    abort(make_response(page, 410))


@bp.post("/quote/<token:token>/fresh")
@needs(PUBLIC)
@limiter.limit(SIGNED_OUT_FORM, key_func=client_and_document)
@limiter.limit(_FRESH_LINKS, key_func=lambda: f"fresh:{digest(str((request.view_args or {})['token']))}")
def send_fresh(token: str) -> ResponseReturnValue:
    """Send a link that works to the contact on file, whoever holds the old one."""
    company, estimate = _dead(token) or _aged(token) or abort(404)
    refuse_when_off(company)
    way = document_links.masked_way(estimate)
    flash(f"We sent a new link to {way}." if _sends(estimate) else _NOT_SENT)
    return redirect(url_for("public.quote.show", token=token), 303)


def _dead(token: str) -> tuple[CompanyProfile, Estimate] | None:
    return _entered(document_links.find_dead(db.session(), token))


def _aged(token: str) -> tuple[CompanyProfile, Estimate] | None:
    found = _entered(quotes.find_by_token(db.session(), token))
    return found if found and document_links.is_aged(found[1], found[0].document_link_days) else None


def _entered(found: tuple[int, int, int] | None) -> tuple[CompanyProfile, Estimate] | None:
    if found is None:
        return None
    company = enter_company(found[0], found[1])
    estimate = quotes.load(db.session(), found[2])
    g.actor = acting("link", estimate.public_id)
    return company, estimate


def _sends(estimate: Estimate) -> bool:
    """Whether a link is on its way; nothing is changed while nobody could send it."""
    if not heartbeats.can_mail(db.session()):
        return False
    try:
        sent: list[Message] = document_links.send_fresh(companies.current_company(), estimate)
    except RuleViolation:
        db.session.rollback()
        return False
    is_on_its_way = any(message.status is MessageStatus.QUEUED for message in sent)
    db.session.commit()
    return is_on_its_way
