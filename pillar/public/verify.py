"""`/verify/<certificate id>`: how a signed document stands, and whether a PDF is the one that we made (2.9).

Anybody with the paper may ask. The id finds one signature, and its company, in a named cross-tenant look-up; what is
shown are the certificate's public facts.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from http import HTTPStatus

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from pillar.database import reading
from pillar.extensions import csrf, db
from pillar.http.access import PUBLIC, needs
from pillar.http.limits import SIGNED_OUT_FORM, client_and_document, limiter
from pillar.http.scope import enter_company
from pillar.models.signature import Signature
from pillar.public.quote import limit_misses
from pillar.services import certificates
from pillar.services.certificates import Certificate, Verdict

bp = Blueprint("verify", __name__)

_MOST_FILE_BYTES = 5 * 1024 * 1024
# What a browser writes around the file.
_FRAME_BYTES = 64 * 1024


class FileAnswer(StrEnum):
    """What became of a file that somebody sent to be compared."""

    SAME = "same"
    DIFFERENT = "different"
    TOO_LARGE = "too_large"
    MISSING = "missing"
    NOT_YET = "not_yet"


_NOT_COMPARED = frozenset({FileAnswer.TOO_LARGE, FileAnswer.MISSING})


@bp.get("/verify/<token:certificate_id>")
@needs(PUBLIC)
@limit_misses
def show(certificate_id: str) -> ResponseReturnValue:
    """One of the four answers."""
    certificate = _examine(certificate_id)
    return _page(certificate, None), _status(certificate, None)


@bp.post("/verify/<token:certificate_id>")
@needs(PUBLIC)
@csrf.exempt  # it changes nothing, and checking would read the upload under the limit for forms
@limit_misses
@limiter.limit(SIGNED_OUT_FORM, key_func=client_and_document)
def compare(certificate_id: str) -> ResponseReturnValue:
    """Hash the file that was sent, and compare it with the stored paper."""
    request.max_content_length = _MOST_FILE_BYTES + _FRAME_BYTES
    sent = _sent_file()
    with reading(db.session):
        certificate = _examine(certificate_id)
    answer = sent if isinstance(sent, FileAnswer) else _compared(certificate, sent)
    return _page(certificate, answer), _status(certificate, answer)


def _examine(certificate_id: str) -> Certificate:
    found = certificates.find(db.session(), certificate_id)
    if found is None:
        return certificates.UNKNOWN
    tenant_id, version, signature_id = found
    enter_company(tenant_id, version)
    return certificates.examine(db.session.get_one(Signature, signature_id))


def _sent_file() -> str | FileAnswer:
    """The hash of the file, or why there is none."""
    try:
        file = request.files.get("pdf")
        body = file.stream.read(_MOST_FILE_BYTES + 1) if file else b""
    except RequestEntityTooLarge:
        return FileAnswer.TOO_LARGE
    if not body:
        return FileAnswer.MISSING
    return FileAnswer.TOO_LARGE if len(body) > _MOST_FILE_BYTES else hashlib.sha256(body).hexdigest()


def _compared(certificate: Certificate, digest: str) -> FileAnswer:
    if not certificate.pdf_hash:
        return FileAnswer.NOT_YET
    return FileAnswer.SAME if digest == certificate.pdf_hash else FileAnswer.DIFFERENT


def _status(certificate: Certificate, answer: FileAnswer | None) -> HTTPStatus:
    if certificate.verdict is Verdict.UNKNOWN:
        return HTTPStatus.NOT_FOUND
    return HTTPStatus.UNPROCESSABLE_ENTITY if answer in _NOT_COMPARED else HTTPStatus.OK


def _page(certificate: Certificate, answer: FileAnswer | None) -> str:
    company = g.get("company")
    return render_template("public/verify.html", certificate=certificate, answer=answer, company=company)
