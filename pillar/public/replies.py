"""What a customer can answer beside signing: ask, ask for changes, decline, ask for an update; and the view beacon."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue

from pillar.database import reading
from pillar.errors import DocumentChanged, RuleViolation
from pillar.extensions import db
from pillar.http.access import PUBLIC, needs
from pillar.http.limits import SIGNED_OUT_FORM, client_and_document, limiter
from pillar.http.scope import user_agent
from pillar.models.estimate_replies import ReplyKind
from pillar.models.tenant import Tenant
from pillar.public.choice_form import asked_selection
from pillar.public.quote import limit_misses
from pillar.public.quote_page import Opened, address_with_choice, draw, open_quote
from pillar.public.reply_forms import AskForm, DeclineForm, ReplyForm, UpdateForm
from pillar.public.sign_form import BlankForm
from pillar.services import replies, views
from pillar.services.quotes import Quote

bp = Blueprint("replies", __name__)

_BEACONS = "20 per minute"
_CHANGED = "We changed this estimate while you had it open. Please read it again before you answer."
_DRY_RUN = "This is a preview, so nothing was sent. Your customer sees: "
_SAID = {
    ReplyKind.QUESTION: "We have your question. You hear from us soon.",
    ReplyKind.CHANGES: "We know what you want to have changed. You get a new estimate, or a call.",
    ReplyKind.UPDATE: "We know that you want an update. You get a new estimate, or a call.",
    ReplyKind.DECLINE: "We noted that you do not want to go ahead. Thank you for telling us.",
}


@bp.post("/quote/<token:token>/questions")
@needs(PUBLIC)
@limit_misses
@limiter.limit(SIGNED_OUT_FORM, key_func=client_and_document)
def ask(token: str) -> ResponseReturnValue:
    """A question about the whole or about one line."""
    return _take(token, _ask_form(ReplyKind.QUESTION))


@bp.post("/quote/<token:token>/changes")
@needs(PUBLIC)
@limit_misses
@limiter.limit(SIGNED_OUT_FORM, key_func=client_and_document)
def change(token: str) -> ResponseReturnValue:
    """A wish for something else in it."""
    return _take(token, _ask_form(ReplyKind.CHANGES))


@bp.post("/quote/<token:token>/decline")
@needs(PUBLIC)
@limit_misses
@limiter.limit(SIGNED_OUT_FORM, key_func=client_and_document)
def decline(token: str) -> ResponseReturnValue:
    """No, with a reason."""
    return _take(token, DeclineForm())


@bp.post("/quote/<token:token>/update")
@needs(PUBLIC)
@limit_misses
@limiter.limit(SIGNED_OUT_FORM, key_func=client_and_document)
def update(token: str) -> ResponseReturnValue:
    """A wish for new prices and days on a closed one."""
    return _take(token, UpdateForm())


@bp.post("/quote/<token:token>/seen")
@needs(PUBLIC)
@limit_misses
@limiter.limit(_BEACONS, key_func=client_and_document)
def seen(token: str) -> ResponseReturnValue:
    """The page was on somebody's screen. The office's own looks do not count (2.6)."""
    opened = open_quote(token)
    if not opened.is_preview and views.count_view(opened.estimate, user_agent()):
        db.session.commit()
    return "", 204


def _ask_form(kind: ReplyKind) -> AskForm:
    form = AskForm()
    form.kind = kind
    return form


def _take(token: str, form: ReplyForm) -> ResponseReturnValue:
    with reading(db.session):
        opened = open_quote(token)
        if not form.validate():
            return _again(opened, form), 422
        if opened.is_preview:
            return _dry_run(opened, form)
    tenant = db.session.get_one(Tenant, opened.company.tenant_id)
    try:
        replies.take_reply(tenant, opened.estimate_id, form.given())
    except DocumentChanged:
        form.notice = _CHANGED
    except RuleViolation as violation:
        return _refused(opened, form, violation)
    else:
        db.session.commit()
        flash(_SAID[form.kind], "good")
        return redirect(address_with_choice(token, request.args), 303)
    with reading(db.session):
        return _again(opened.reload(), form), 409


def _refused(opened: Opened, form: ReplyForm, violation: RuleViolation) -> ResponseReturnValue:
    form.notice = violation.message
    with reading(db.session):
        return _again(opened.reload(), form), 422


def _dry_run(opened: Opened, form: ReplyForm) -> ResponseReturnValue:
    """The office walks the same way; nothing is stored (1.14)."""
    replies.line_text(opened.view().document, form.given().line_key)
    flash(_DRY_RUN + _SAID[form.kind], "info")
    return redirect(address_with_choice(opened.token, request.args), 303)


def _again(opened: Opened, reply: ReplyForm) -> str:
    """The page with the form as it was typed, and the choice as it was made."""
    quote = _view(opened)
    return draw(opened, quote, BlankForm(reply.notice if quote.can_sign else ""), reply)


def _view(opened: Opened) -> Quote:
    try:
        return opened.view(asked_selection(request.args))
    except RuleViolation:
        return opened.view()
