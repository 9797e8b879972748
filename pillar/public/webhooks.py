"""Where vendors tell us what happened: signature, store once, answer. The work is a task's (SAFETY: Webhooks)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from pillar.config import Config
from pillar.database import reading
from pillar.extensions import csrf, db
from pillar.http.access import PUBLIC, needs
from pillar.services import webhook_intake

bp = Blueprint("webhooks", __name__, url_prefix="/webhooks")

MOST_BYTES = 256 * 1024
_TWILIO_SIGNATURE = "X-Twilio-Signature"
_SENDGRID_SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
_SENDGRID_TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
# Twilio would text the person whatever else stood in it.
_NOTHING_TO_SAY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
_REFUSED: tuple[str, int] = ("", 403)
_UNREADABLE: tuple[str, int] = ("", 400)


@bp.post("/twilio/sms")
@csrf.exempt
@needs(PUBLIC)
def twilio_sms() -> ResponseReturnValue:
    """Somebody sent a text to one of our numbers."""
    fields = _from_twilio()
    if fields is None:
        return _REFUSED
    webhook_intake.take_twilio_text(fields)
    db.session.commit()
    return _twiml()


@bp.post("/twilio/status")
@csrf.exempt
@needs(PUBLIC)
def twilio_status() -> ResponseReturnValue:
    """One of our texts came further."""
    fields = _from_twilio()
    if fields is None:
        return _REFUSED
    webhook_intake.take_twilio_status(fields, request.args.get("m", ""))
    db.session.commit()
    return _twiml()


@bp.post("/sendgrid")
@csrf.exempt
@needs(PUBLIC)
def sendgrid() -> ResponseReturnValue:
    """A batch of events about our mails."""
    body = _body()
    signature = request.headers.get(_SENDGRID_SIGNATURE, "")
    timestamp = request.headers.get(_SENDGRID_TIMESTAMP, "")
    if not webhook_intake.sendgrid_is_genuine(body, signature, timestamp):
        return _REFUSED
    events = _events(body)
    if events is None:
        return _UNREADABLE
    webhook_intake.take_sendgrid(events)
    db.session.commit()
    return "", 200


def _from_twilio() -> Mapping[str, str] | None:
    """The form's fields, if Twilio signed them for the address that people reach us at."""
    _body()
    config: Config = current_app.config["PILLAR_CONFIG"]
    # Behind a proxy the request says another address than the one that was signed.
    query = request.query_string.decode("ascii", "replace")
    url = f"{config.base_url}{request.path}" + (f"?{query}" if query else "")
    fields: MultiDict[str, str] = request.form
    signature = request.headers.get(_TWILIO_SIGNATURE, "")
    with reading(db.session):
        if not signature or not webhook_intake.twilio_is_genuine(url, fields, signature):
            return None
    return fields.to_dict()


def _body() -> bytes:
    """The body as it came; more than 256 KB is refused with 413 before it is read."""
    request.max_content_length = request.max_form_memory_size = MOST_BYTES
    return request.get_data(cache=True)


def _events(body: bytes) -> list[Mapping[str, Any]] | None:
    try:
        events = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        return None
    return events


def _refuse(constant: str) -> NoReturn:
    """NaN and its like are no JSON, and PostgreSQL takes none."""
    raise ValueError(constant)


def _twiml() -> Response:
    return Response(_NOTHING_TO_SAY, mimetype="text/xml")
