"""A personal portal link: opened, proven with four digits of the phone, renewed when it is over (1.5, 1.11, 1.12).

Looking changes nothing. The first look takes the token out of the address into a cookie; what follows happens below
the company's own portal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask import (
    Blueprint,
    abort,
    after_this_request,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http.access import PUBLIC, needs
from pillar.http.forms import LineField
from pillar.http.limits import LINK_MISSES, SIGNED_OUT_FORM, client_and_document, limiter
from pillar.http.portal_company import open_portal, refuse_when_off
from pillar.http.scope import acting, enter_company
from pillar.http.sessions import cookie_name, drop_cookie, set_cookie
from pillar.models.message import MessageStatus
from pillar.models.portal import LAST_FOUR_TRIES, LookupPurpose, PersonalLink
from pillar.models.tenant import Tenant
from pillar.portal import asking
from pillar.portal.blueprint import bp
from pillar.portal.entry import first_page, let_in
from pillar.services import companies, heartbeats, lookups, personal_links, portal_mail
from pillar.services.branding import CompanyProfile
from pillar.services.personal_links import Answer, LinkState
from pillar.signed_links import subject_of

links_bp = Blueprint("personal_link", __name__)

LINK_COOKIE = "pillar-link"
LINK_COOKIE_LIFE = timedelta(minutes=15)
# To one person, whoever asks and from wherever.
_FRESH_LINKS = "3 per minute; 10 per hour"
_NOT_SENT = "We could not send it. Try again in a few minutes, or call us."
_FOUR = "Type four digits, such as 0142."

limit_misses = limiter.shared_limit(
    LINK_MISSES, scope="links", deduct_when=lambda response: response.status_code == HTTPStatus.NOT_FOUND
)


class LastFourForm(FlaskForm):
    """The last four digits of the person's phone."""

    digits = LineField("Last four digits", most=20)


@dataclass(frozen=True, slots=True)
class Opened:
    """A genuine link with the company that it is for."""

    token: str
    company: CompanyProfile
    link: PersonalLink

    @property
    def state(self) -> LinkState:
        """Whether it still opens something."""
        return personal_links.state_of(self.link)

    def tenant(self) -> Tenant:
        """The company's own row, with the setting that decides."""
        return companies.current_company()


@links_bp.get("/link/<signed:token>")
@needs(PUBLIC)
@limit_misses
def open_link(token: str) -> ResponseReturnValue:
    """Take the token out of the address, or say that the link is over and how to get another."""
    opened = _open(token)
    if opened.state is not LinkState.LIVE:
        return _over(opened)
    answer = make_response(redirect(url_for("portal.link", slug=opened.company.slug), 303))
    set_cookie(answer, LINK_COOKIE, token, LINK_COOKIE_LIFE)
    return answer


@links_bp.post("/link/<signed:token>/fresh")
@needs(PUBLIC)
@limit_misses
@limiter.limit(SIGNED_OUT_FORM, key_func=client_and_document)
@limiter.limit(_FRESH_LINKS, key_func=lambda: f"fresh:{subject_of(str((request.view_args or {})['token']))}")
def send_fresh(token: str) -> ResponseReturnValue:
    """Send a new link to the contact on file, whoever holds the old one."""
    opened = _open(token)
    back = redirect(url_for("personal_link.open_link", token=token), 303)
    if opened.state is LinkState.LIVE:
        return back
    way = portal_mail.masked_way(opened.link.contact)
    flash(f"We sent a new link to {way}." if _sends_fresh(opened) else _NOT_SENT)
    return back


@bp.get("/link")
@needs(PUBLIC)
def link(slug: str) -> ResponseReturnValue:
    """Ask for the digits, or offer a one-time link."""
    opened = _from_cookie(slug)
    if opened is None:
        return redirect(url_for("portal.sign_in", slug=slug), 303)
    if opened.state is not LinkState.LIVE:
        return _over(opened)
    if _is_here_already(opened):
        after_this_request(_without_link)
        return redirect(first_page(opened.company), 303)
    return _page(opened, LastFourForm(formdata=None))


@bp.post("/link")
@needs(PUBLIC)
@limiter.limit(SIGNED_OUT_FORM, key_func=client_and_document)
def prove(slug: str) -> ResponseReturnValue:
    """Compare the digits; the right ones sign in."""
    opened, form = _live_or_back(slug), LastFourForm()
    if not form.validate_on_submit():
        return _page(opened, form), 422
    if not personal_links.asks_digits(opened.link, opened.tenant()):
        return redirect(url_for("portal.link", slug=slug), 303)
    answer = personal_links.try_digits(opened.link, form.digits.data or "")
    if answer is Answer.RIGHT:
        after_this_request(_without_link)
        return let_in(opened.link.contact, "personal link")
    db.session.commit()
    if answer is Answer.SPENT:
        return redirect(url_for("portal.link", slug=slug), 303)
    form.digits.data = ""
    form.digits.errors = [_FOUR if answer is Answer.UNREADABLE else _tries_left(opened.link)]
    return _page(opened, form), 422


@bp.post("/link/one-time")
@needs(PUBLIC)
@limiter.limit(SIGNED_OUT_FORM, key_func=client_and_document)
def send_one_time(slug: str) -> ResponseReturnValue:
    """Ask for a one-time link to the contact's own address, as if they had typed it at the door."""
    opened = _live_or_back(slug)
    contact = opened.link.contact
    typed = contact.email or portal_mail.number_of(contact)
    if not typed:
        return redirect(url_for("portal.link", slug=slug), 303)
    sent = asking.send(LookupPurpose.SIGN_IN, lookups.understand(typed), portal_mail.masked_way(contact))
    return sent or _page(opened, LastFourForm(formdata=None), notice=_NOT_SENT)


def _open(token: str) -> Opened:
    """Find what the token names and bind its company; 404 for one that nobody signed, 503 while the portal is off."""
    found = personal_links.find(db.session(), token)
    if found is None:
        abort(404)
    tenant_id, version, link_id = found
    company = enter_company(tenant_id, version)
    refuse_when_off(company)
    link = personal_links.load(link_id) or abort(404)
    # The trail names the link; the token itself is a secret.
    g.actor = acting("link", link.public_id)
    return Opened(token, company, link)


def _from_cookie(slug: str) -> Opened | None:
    company = open_portal(slug)
    token = request.cookies.get(cookie_name(LINK_COOKIE), "")
    found = personal_links.find(db.session(), token) if token else None
    if found is None or found[0] != company.tenant_id:
        return None
    link = personal_links.load(found[2])
    if link is None:
        return None
    g.actor = acting("link", link.public_id)
    return Opened(token, company, link)


def _live_or_back(slug: str) -> Opened:
    """The live link of this browser; without one the page says what to do."""
    opened = _from_cookie(slug)
    if opened is None or opened.state is not LinkState.LIVE:
        abort(redirect(url_for("portal.link", slug=slug), 303))
    return opened


def _is_here_already(opened: Opened) -> bool:
    person: Any = current_user
    return bool(person.is_authenticated) and person.id == opened.link.contact_id


def _sends_fresh(opened: Opened) -> bool:
    """Whether a new link is on its way; nothing is written while nobody could send it."""
    if not heartbeats.can_mail(db.session()):
        return False
    try:
        sent = portal_mail.send_link(opened.tenant(), opened.link.contact)
    except RuleViolation:
        db.session.rollback()
        return False
    is_on_its_way = any(message.status is MessageStatus.QUEUED for message in sent)
    db.session.commit()
    return is_on_its_way


def _page(opened: Opened, form: LastFourForm, notice: str = "") -> str:
    return render_template(
        "portal/personal_link.html",
        company=opened.company,
        form=form,
        asks_digits=personal_links.asks_digits(opened.link, opened.tenant()),
        way=portal_mail.masked_way(opened.link.contact),
        notice=notice,
    )


def _over(opened: Opened) -> ResponseReturnValue:
    page = render_template(
        "portal/link_over.html",
        company=opened.company,
        action=url_for("personal_link.send_fresh", token=opened.token),
        way=portal_mail.masked_way(opened.link.contact),
    )
    return page, 410


def _tries_left(link: PersonalLink) -> str:
    left = LAST_FOUR_TRIES - link.tries
    if left <= 0:
        return "That was the last try. Use a sign-in link instead."
    return f"Those are not the digits we have. You have {left} more {'try' if left == 1 else 'tries'}."


def _without_link(response: Any) -> Any:
    drop_cookie(response, LINK_COOKIE)
    return response
