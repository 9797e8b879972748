"""`/quote/<token>/estimate.pdf`: the offer, or the signed paper that was made once (2.13)."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pillar.database import reading
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http.access import PUBLIC, needs
from pillar.http.limits import client_and_document, limiter
from pillar.public.choice_form import asked_selection
from pillar.public.quote import limit_misses
from pillar.public.quote_page import address_with_choice, open_quote
from pillar.services import certificates, estimate_pdf, quotes
from pillar.services.branding import CompanyProfile

bp = Blueprint("quote_pdf", __name__)

# Typesetting takes more of the machine than a page does.
_DOWNLOADS = "30 per minute"
_AGAIN_SECONDS = 5


@bp.get("/quote/<token:token>/estimate.pdf")
@needs(PUBLIC)
@limit_misses
@limiter.limit(_DOWNLOADS, key_func=client_and_document)
def download(token: str) -> ResponseReturnValue:
    """The stored paper of a signed estimate; any other is typeset now, after the reading is over.

    An offer follows the choice in the address, so that paper and page show the same total.
    """
    with reading(db.session):
        opened = open_quote(token)
        company, estimate = opened.company, opened.estimate
        signature = quotes.signature_of(estimate)
        try:
            paper = estimate_pdf.describe(estimate, company, asked_selection(request.args))
        except RuleViolation:
            # An older address may name what a newer revision no longer has: the page says so.
            return redirect(address_with_choice(token, request.args), HTTPStatus.SEE_OTHER)
        name = estimate_pdf.file_name(estimate, is_signed=signature is not None)
        stored = certificates.stored_pdf(signature) if signature and not paper.values["tampered"] else None
    if stored is None:
        return _file(paper.typeset(), name)
    if not stored.is_made:
        return _not_yet(token, company)
    if stored.pdf is None:
        # Somebody changed the stored paper: what is handed out instead says so on every page.
        return _file(paper.stamped().typeset(), name)
    return _file(stored.pdf, name)


def _file(pdf: bytes, name: str) -> Response:
    response = Response(pdf, mimetype="application/pdf")
    # Numbers are made of letters, digits and hyphens, so the name needs no quoting rules.
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _not_yet(token: str, company: CompanyProfile) -> Response:
    again_url = url_for("public.quote_pdf.download", token=token)
    page = render_template("public/pdf_not_yet.html", company=company, again_url=again_url)
    response = make_response(page, HTTPStatus.SERVICE_UNAVAILABLE)
    response.headers["Retry-After"] = str(_AGAIN_SECONDS)
    return response
