"""`/quote/<token>`: read the estimate, sign it, see what happens next. No sign-in (1.10)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from http import HTTPStatus

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pillar import clock, dates
from pillar.database import reading
from pillar.errors import DocumentChanged, RuleViolation
from pillar.extensions import db
from pillar.http.access import PUBLIC, needs
from pillar.http.limits import LINK_MISSES, SIGNED_OUT_FORM, client_and_document, limiter
from pillar.http.scope import client_address, user_agent
from pillar.models.estimate import ACCEPTABLE, EstimateStatus
from pillar.models.signature import SignatureMethod
from pillar.models.tenant import Tenant
from pillar.offer import Choice
from pillar.public.choice_form import CHOICE, asked_selection, posted_choice, selection_of, shows_total
from pillar.public.quote_page import Opened, address_with_choice, draw, open_quote
from pillar.public.sign_form import BlankForm, SignForm
from pillar.services import acceptance, quotes
from pillar.signature_image import draw_png, read_strokes

bp = Blueprint("quote", __name__)

# Guessing tokens is slowed down on every address that takes one.
limit_misses = limiter.shared_limit(
    LINK_MISSES, scope="links", deduct_when=lambda response: response.status_code == HTTPStatus.NOT_FOUND
)
_CHANGED = "We changed this estimate while you had it open. Please read it again before you approve it."
_OTHER_TOTAL = "This is the total for what you chose. Please read it again before you approve it."


@bp.get("/quote/<token:token>")
@needs(PUBLIC)
@limit_misses
def show(token: str) -> ResponseReturnValue:
    """The estimate, with the form to sign it while it is open; an option and add-ons may be named."""
    opened = open_quote(token)
    if not request.args.keys() <= CHOICE:
        # Without a script the whole form comes with "Update total": the address keeps only the choice.
        return redirect(address_with_choice(token, request.args), 303)
    try:
        return draw(opened, opened.view(asked_selection(request.args)), BlankForm())
    except RuleViolation as violation:
        # An older address may name what a newer revision no longer has.
        return draw(opened, opened.view(), BlankForm(violation.message)), 422


@bp.post("/quote/<token:token>/approval")
@needs(PUBLIC)
@limit_misses
@limiter.limit(SIGNED_OUT_FORM, key_func=client_and_document)
def approve(token: str) -> ResponseReturnValue:
    """Sign. Checking and drawing come first, outside the write transaction."""
    with reading(db.session):
        opened, form = open_quote(token), SignForm()
        estimate = opened.estimate
        is_open = estimate.status in ACCEPTABLE and form.is_about(estimate.revision)
        if not is_open and estimate.status is not EstimateStatus.ACCEPTED:
            return _changed(opened)
        try:
            choice = posted_choice(opened.view().document, request.form) if is_open else None
        except RuleViolation as violation:
            return _refused(opened, form, violation, None)
        if choice is not None and not shows_total(request.form, choice):
            return _another_total(opened, form, choice)
        signing = _signing(form, choice) if form.validate_on_submit() else None
        if signing is None:
            return draw(opened, opened.view(selection_of(choice)), form), 422
        if opened.is_preview:
            return _dry_run(opened, signing, choice)
    return _accept(opened, form, signing, choice)


@bp.get("/quote/<token:token>/approved")
@needs(PUBLIC)
@limit_misses
def approved(token: str) -> ResponseReturnValue:
    """What was just done, who does what next, and the signed record."""
    opened = open_quote(token)
    show_url = url_for("public.quote.show", token=token)
    if opened.estimate.status is not EstimateStatus.ACCEPTED:
        return redirect(show_url, 303)
    quote = opened.view()
    if quote.tampered:
        return redirect(show_url, 303)
    return _approved_page(opened, quote)


@bp.get("/quote/<token:token>/signature.png")
@needs(PUBLIC)
@limit_misses
def signature_image(token: str) -> ResponseReturnValue:
    """The drawn signature, as the server drew it."""
    signature = quotes.signature_of(open_quote(token).estimate)
    if signature is None or signature.image_png is None:
        abort(404)
    return Response(signature.image_png, mimetype="image/png")


def _accept(
    opened: Opened, form: SignForm, signing: acceptance.Signing, choice: Choice | None
) -> ResponseReturnValue:
    tenant = db.session.get_one(Tenant, opened.company.tenant_id)
    try:
        acceptance.accept_estimate(tenant, opened.estimate_id, signing)
    except DocumentChanged:
        return _changed(opened, selection_of(choice))
    except RuleViolation as violation:
        return _refused(opened, form, violation, selection_of(choice))
    db.session.commit()
    return redirect(url_for("public.quote.approved", token=opened.token), 303)


def _approved_page(opened: Opened, quote: quotes.Quote) -> str:
    show_url = url_for("public.quote.show", token=opened.token)
    return render_template(
        "public/quote_approved.html", quote=quote, company=opened.company, show_url=show_url
    )


def _dry_run(opened: Opened, signing: acceptance.Signing, choice: Choice | None) -> ResponseReturnValue:
    """What the customer would see now; nothing is stored (1.14)."""
    drawn = b64encode(signing.image_png).decode() if signing.image_png else ""
    signature = quotes.SignatureView(
        signer_name=signing.signer_name,
        signed_at_text=dates.signature_time(clock.now(), opened.company.time_zone),
        record_id="PREVIEW",
        method=signing.method.value,
        image_url=f"data:image/png;base64,{drawn}" if drawn else None,
    )
    quote = opened.view(selection_of(choice))
    return _approved_page(opened, replace(quote, signature=signature, pdf_url=""))


def _signing(form: SignForm, choice: Choice | None) -> acceptance.Signing | None:
    """What was posted, checked and drawn; None when the drawing is no signature (the form then says so)."""
    method = SignatureMethod(form.method.data)
    strokes, png = "", None
    if method is SignatureMethod.DRAW:
        try:
            png = draw_png(read_strokes(form.strokes.data or ""))
        except RuleViolation as violation:
            form.strokes.errors = [violation.message]
            return None
        strokes = form.strokes.data or ""
    return acceptance.Signing(
        revision=form.revision_number,
        content_hash=form.content_hash.data or "",
        method=method,
        signer_name=form.signer_name.data or "",
        ip=client_address(),
        user_agent=user_agent(),
        strokes=strokes,
        image_png=png,
        option_key=choice.option_key if choice else None,
        addon_keys=choice.addon_keys if choice else (),
        shown_total_cents=choice.total_cents if choice else None,
    )


def _changed(opened: Opened, selection: quotes.Selection | None = None) -> ResponseReturnValue:
    """409 with the offer as it stands now: nothing is signed against something unseen."""
    with reading(db.session):
        opened = opened.reload()
        quote = _view_if_there(opened, selection)
        # A closed offer says so itself.
        return draw(opened, quote, BlankForm(_CHANGED if quote.can_sign else "")), 409


def _another_total(opened: Opened, form: SignForm, choice: Choice) -> ResponseReturnValue:
    """409 with what was chosen, what was typed kept: the sentence that was ticked was about another amount."""
    form.notice = _OTHER_TOTAL
    form.consent.data = False
    return draw(opened, opened.view(selection_of(choice)), form), 409


def _refused(
    opened: Opened, form: SignForm, violation: RuleViolation, selection: quotes.Selection | None
) -> ResponseReturnValue:
    with reading(db.session):
        opened = opened.reload()
        form.notice = violation.message
        return draw(opened, _view_if_there(opened, selection), form), 422


def _view_if_there(opened: Opened, selection: quotes.Selection | None) -> quotes.Quote:
    """With the choice kept, where the offer still has it."""
    try:
        return opened.view(selection)
    except RuleViolation:
        return opened.view()
