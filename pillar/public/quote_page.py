"""The quote page: opened behind its link, drawn for whoever looks at it, customer or office."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from flask import abort, g, make_response, render_template, request, url_for
from flask_wtf import FlaskForm
from flask_wtf.csrf import generate_csrf
from werkzeug.datastructures import MultiDict

from pillar.extensions import db
from pillar.http import portal_sessions, sessions
from pillar.http.scope import acting, enter_company
from pillar.models.estimate import SIGNED, Estimate
from pillar.public.choice_form import CHOICE
from pillar.public.dead_links import refuse_aged, refuse_dead
from pillar.public.sign_form import BlankForm, SignForm
from pillar.services import quotes, replies
from pillar.services.branding import CompanyProfile
from pillar.services.quotes import Quote, Selection
from pillar.text import clean_line
from pillar.tokens import public_id


@dataclass(frozen=True, slots=True)
class Opened:
    """An estimate behind its link. A browser of that company's office only looks: nothing is stored (1.14)."""

    token: str
    company: CompanyProfile
    estimate: Estimate
    estimate_id: int
    is_preview: bool

    def view(self, selection: Selection | None = None) -> Quote:
        """The estimate as the page shows it. Raises RuleViolation for a selection that is not part of it."""
        return quotes.view(self.estimate, self.company, selection, preview=self.is_preview)

    def reload(self) -> Opened:
        """The same with the estimate as it is stored now."""
        return replace(self, estimate=quotes.load(db.session(), self.estimate_id))


def open_quote(token: str) -> Opened:
    """Find what the link names and bind its company; 404 for a link that opens nothing."""
    found = quotes.find_by_token(db.session(), token)
    if found is None:
        refuse_dead(token)
    tenant_id, version, estimate_id = found
    # What a preview posts stays a preview, also when the office's session ended in between.
    is_preview = bool(request.form.get("preview")) or tenant_id in {
        sessions.staff_company(),
        portal_sessions.viewed_company(),
    }
    company = enter_company(tenant_id, version)
    estimate = quotes.load(db.session(), estimate_id)
    # The trail names the document behind the link: the token itself is a secret.
    g.actor = acting("link", estimate.public_id)
    if not company.portal_enabled and estimate.status not in SIGNED:
        # What was signed stays readable for who signed it (1.3).
        abort(make_response(render_template("portal/unavailable.html", company=company), 503))
    refuse_aged(token, company, estimate)
    return Opened(token, company, estimate, estimate_id, is_preview)


def draw(opened: Opened, quote: Quote, form: SignForm | BlankForm, reply: FlaskForm | None = None) -> str:
    """The page. `form` and `reply` carry what was typed and what is wrong with it."""
    return render_template(
        "public/quote.html",
        quote=quote,
        form=form,
        strokes=clean_line(form.strokes.data or ""),
        reply=reply,
        company=opened.company,
        **_addresses(opened, quote),
        **_answers(opened, quote),
    )


def address_with_choice(token: str, values: MultiDict[str, str]) -> str:
    """The page's address with the choice in it, and nothing else of what came."""
    chosen = [(name, value) for name, value in values.items(multi=True) if name in CHOICE]
    query = f"?{urlencode(chosen)}" if chosen else ""
    return url_for("public.quote.show", token=token) + query


def _addresses(opened: Opened, quote: Quote) -> dict[str, str]:
    """Where the page's forms and its script send what, and the token that they send along."""
    show_url = f"/quote/{opened.token}"
    choice = [("option", quote.choice.option_key), *(("addon", key) for key in quote.choice.addon_keys)]
    return {
        "show_url": show_url,
        "choice_query": f"?{urlencode(choice)}" if quote.tiers or quote.addons else "",
        "action_url": f"{show_url}/approval",
        "csrf": generate_csrf(),
        "seen_url": "" if opened.is_preview else f"{show_url}/seen",
    }


def _answers(opened: Opened, quote: Quote) -> dict[str, Any]:
    """What the customer may answer beside signing."""
    if quote.tampered:
        return {}
    if quote.can_sign:
        return {
            "form_key": public_id(),
            "askable": replies.askable_lines(quote.document, quote.choice),
            "reasons": replies.REASONS,
        }
    if quote.status not in {"expired", "declined"}:
        return {}
    has_asked = replies.has_asked_for_update(opened.estimate)
    return {"form_key": public_id(), "may_ask_update": not has_asked, "has_asked_update": has_asked}
