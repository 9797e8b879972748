"""An estimate on paper (2.9, 2.13): what stands on it, all of it from the frozen document and the signature.

`describe` reads the rows; `Paper.typeset` needs none of them, so the slow half runs outside every transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from io import BytesIO
from operator import itemgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from PIL import Image
from sqlalchemy import select

from pillar import colour, dates, money, qr_image, typesetting
from pillar.config import Config
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.audit import AuditEvent, entity_of
from pillar.models.estimate import SIGNED, Estimate
from pillar.models.estimate_replies import EstimateView
from pillar.models.signature import Signature, SignatureMethod
from pillar.models.signed_pdf import SignedPdf
from pillar.models.tenant import Tenant
from pillar.offer import Choice, choose
from pillar.services import links, quotes
from pillar.services.branding import CompanyProfile, profile_of
from pillar.services.logos import logo_path
from pillar.services.quotes import Quote, Selection
from pillar.signature_image import draw_svg, read_strokes
from pillar.typesetting import breakable

# What the trail's events are called on a certificate.
_EVENTS = {
    "estimate.drafted": "Created",
    "estimate.sent": "Sent to the customer",
    "estimate.resent": "Sent again",
}
_MOST_EVENTS = 12
_METHODS = {SignatureMethod.DRAW: "Drawn by hand", SignatureMethod.TYPE: "Typed"}
_LOGO_PIXELS = 80
_TAMPERED = (
    "TAMPERED. This document does not match the one that was sent, so it cannot be trusted. "
    "Please contact us before you do anything."
)
_ABOUT_CERTIFICATE = (
    "This page records who signed the document above, when and how. It was made together with the document, "
    "and its content was fixed by the hash below when it was sent."
)
_HOW_TO_CHECK = "Scan the code on page 1, or open this address and upload this file there:"


@dataclass(frozen=True, slots=True)
class Paper:
    """Everything that stands on one paper, as plain values."""

    values: dict[str, Any]
    at: datetime
    qr_url: str

    def stamped(self) -> Paper:
        """The same with TAMPERED on every page."""
        return replace(self, values={**self.values, "tampered": True})

    def typeset(self) -> bytes:
        """The PDF."""
        qr = {**self.values["qr"], "svg": _qr(self.qr_url), "url": self.qr_url}
        return typesetting.typeset("estimate", {**self.values, "qr": qr}, at=self.at)


def describe(estimate: Estimate, company: CompanyProfile, selection: Selection | None = None) -> Paper:
    """The paper of what the page shows now: an offer, or what was signed with its certificate.

    With a selection the offer is that choice, and names the other options with their totals; without one it holds
    every option in full. Raises RuleViolation when the selection names what is not part of the offer.
    """
    if estimate.status in SIGNED:
        selection = None
    quote = quotes.view(estimate, company, selection)
    document = quote.document
    is_chosen = selection is not None and selection.is_named
    signature = quotes.signature_of(estimate) if quote.signature else None
    qr_url = links.certificate(signature) if signature else links.quote(estimate)
    values = {
        "title": breakable(document["title"]),
        "subtitle": breakable(_subtitle(quote, names_option=is_chosen or signature is not None)),
        "number": document["number"],
        "tampered": quote.tampered,
        "warning": _TAMPERED,
        "company": _company(document, company),
        "qr": {"label": "Check this document" if signature else "See it online"},
        "facts": _facts(estimate, document),
        "message": breakable(document["message"]),
        "sections": _sections(quote, is_chosen=is_chosen or signature is not None),
        "others": _others(quote) if is_chosen else [],
        "addons": [] if signature else _not_ticked(quote),
        "terms": breakable(document["terms"]),
        "signature": _signature(document, signature) if signature else None,
        "certificate": _certificate(estimate, signature) if signature else None,
    }
    at = signature.signed_at if signature else estimate.revision.sent_at
    return Paper(values, at or estimate.created_at, qr_url)


def describe_signed(row: SignedPdf) -> Paper:
    """The paper that a row asks for."""
    estimate = quotes.load(db.session(), row.signature.estimate_id)
    return describe(estimate, profile_of(db.session.get_one(Tenant, row.tenant_id)))


def file_name(estimate: Estimate, *, is_signed: bool) -> str:
    """`EST-2026-00042-signed.pdf`."""
    return f"{estimate.number or 'estimate'}{'-signed' if is_signed else ''}.pdf"


def _subtitle(quote: Quote, *, names_option: bool) -> str:
    """`Estimate EST-2026-00142, Standard option. Approved.`"""
    option = f", {quote.choice.label} option" if names_option and quote.choice.label else ""
    revision = f", revision {quote.revision}" if quote.revision > 1 else ""
    return f"Estimate {quote.document['number']}{revision}{option}. {quote.pill.label}."


def _sections(quote: Quote, *, is_chosen: bool) -> list[dict[str, Any]]:
    """What was chosen or signed; before that every option as the page offers it, with the add-ons that start ticked."""
    if is_chosen:
        reasons = [tier.reason for tier in quote.tiers if tier.is_chosen]
        return [_section(quote.choice, quote.choice.label if reasons else "", *reasons)]
    options = quote.document["options"]
    if len(options) == 1:
        return [_section(quote.choice)]
    return [
        _section(choose(quote.document, each["key"]), each["label"], quotes.reason_of(each))
        for each in options
    ]


def _company(document: dict[str, Any], company: CompanyProfile) -> dict[str, Any]:
    # A document that somebody has written over may know less than ours do.
    frozen = document.get("company") or {
        "name": company.name,
        "phone": company.phone_display,
        "address": company.address_line,
    }
    shades = colour.tokens(company.brand_color)
    reach = " · ".join(word for word in (frozen["phone"], company.email) if word)
    return {
        "name": breakable(frozen["name"]),
        "lines": [breakable(words) for words in (frozen["address"], reach) if words],
        "initial": company.initial,
        "brand": shades.brand,
        "fill": shades.fill,
        "on": shades.on,
        "logo": _logo(company),
    }


def _facts(estimate: Estimate, document: dict[str, Any]) -> list[tuple[str, str]]:
    customer = document["customer"]
    names = dict.fromkeys([customer["name"], customer["contact"], customer["address"]])
    sent_on = date.fromisoformat(document["sent_on"]) if "sent_on" in document else None
    until = estimate.valid_until or date.fromisoformat(document["valid_until"])
    return [
        ("For", breakable("\n".join(name for name in names if name))),
        ("Date", dates.document_date(sent_on) if sent_on else "Unknown"),
        ("Good until", dates.document_date(until)),
    ]


def _section(choice: Choice, label: str = "", reason: str = "") -> dict[str, Any]:
    option = choice.as_option()
    totals = [("Subtotal", option["subtotal_cents"])]
    if option["discount_cents"]:
        totals.append(("Discount", -option["discount_cents"]))
    totals += [
        (f"{tax['label']} {money.percent(tax['rate_ppm'])}", tax["amount_cents"]) for tax in option["taxes"]
    ]
    totals.append(("Total", option["total_cents"]))
    if choice.deposit_cents:
        totals.append(("Deposit due on approval", choice.deposit_cents))
    return {
        "label": breakable(label),
        "reason": breakable(reason),
        "lines": [_line(line) for line in option["lines"]],
        "totals": [
            {"label": breakable(label), "amount": money.money(cents), "strong": label == "Total"}
            for label, cents in totals
        ],
    }


def _not_ticked(quote: Quote) -> list[dict[str, str]]:
    return [_line(line) for line in quote.document["addons"] if line["key"] not in quote.choice.addon_keys]


def _others(quote: Quote) -> list[dict[str, str]]:
    """The options beside the chosen one, at what they cost with the same add-ons: the page's other cards."""
    return [
        {
            "label": breakable(tier.label),
            "reason": breakable(tier.reason),
            "total": money.money(tier.total_cents),
        }
        for tier in quote.tiers
        if not tier.is_chosen
    ]


def _line(line: Any) -> dict[str, str]:
    unit = f" {line['unit']}" if line["unit"] else ""
    return {
        "description": breakable(line["description"]),
        "scope": breakable(line["scope"]),
        "quantity": f"{money.quantity(line['quantity_thousandths'])}{unit}",
        "price": money.money(line["unit_price_cents"]),
        "amount": money.money(line["amount_cents"]),
    }


def _signature(document: dict[str, Any], signature: Signature) -> dict[str, Any]:
    record = [
        _moment(signature, signature.signed_at),
        f"Record {signature.certificate_id}",
        document["customer"]["email"],
        "Agreed to the terms below" if document["terms"] else "",
    ]
    return {
        "name": breakable(signature.signer_name),
        "image": _drawing(signature),
        "record": [breakable(words) for words in record if words],
    }


def _certificate(estimate: Estimate, signature: Signature) -> dict[str, Any]:
    facts = [
        ("Document", f"Estimate {estimate.number}, revision {estimate.current_revision}"),
        ("Amount", money.money(signature.total_cents)),
        ("Signed by", signature.signer_name),
        ("Signed on", _moment(signature, signature.signed_at)),
        ("Method", _METHODS[signature.method]),
        ("Consent", f"{signature.consent_text} (wording {signature.consent_version})"),
        ("IP address", signature.ip),
        ("Browser", signature.user_agent),
        ("Content hash (SHA-256)", signature.content_hash),
        ("Choice hash (SHA-256)", signature.choice_hash),
        ("Certificate", signature.certificate_id),
    ]
    return {
        "introduction": _ABOUT_CERTIFICATE,
        "facts": [(label, breakable(words)) for label, words in facts if words],
        "events": _events(estimate, signature),
        "check": _HOW_TO_CHECK,
    }


def _events(estimate: Estimate, signature: Signature) -> list[tuple[str, str]]:
    """What the audit trail and the counted views know up to the signature, in the signer's zone."""
    trail = select(AuditEvent.at, AuditEvent.action).where(
        AuditEvent.entity == entity_of(estimate),
        AuditEvent.action.in_(_EVENTS),
        AuditEvent.at <= signature.signed_at,
    )
    views = (
        select(EstimateView.at, EstimateView.device)
        .where(EstimateView.estimate_id == estimate.id, EstimateView.at <= signature.signed_at)
        .order_by(EstimateView.at.desc())
        .limit(_MOST_EVENTS)
    )
    office = [(at, _EVENTS[action]) for at, action in db.session.execute(trail.order_by(AuditEvent.n))]
    seen = [(at, f"Viewed on a {device.value}") for at, device in db.session.execute(views)]
    # The beginning is always told; of a hundred looks the last ones are enough.
    before = sorted([*office[:1], *office[1:][-_MOST_EVENTS:], *seen], key=itemgetter(0))
    ended = (signature.signed_at, breakable(f"Signed by {signature.signer_name}"))
    return [(words, _moment(signature, at)) for at, words in [*before, ended]]


def _moment(signature: Signature, instant: datetime) -> str:
    """`Thu, Feb 5, 2026 at 10:32 AM EST`, on the clock where it was signed."""
    day = instant.astimezone(ZoneInfo(signature.time_zone)).strftime("%a")
    return f"{day}, {dates.signature_time(instant, signature.time_zone)}"


def _logo(company: CompanyProfile) -> bytes | None:
    if company.logo_url is None:
        return None
    config: Config = current_app.config["PILLAR_CONFIG"]
    path = logo_path(config.data_dir, company.public_id, company.logo_url.rsplit("/", 1)[-1])
    return _small_logo(path) if path else None


@lru_cache(maxsize=64)
def _small_logo(path: Path) -> bytes:
    """The logo at the size that paper needs. A new logo has a new name, so this never goes stale."""
    with Image.open(path) as picture:
        picture.thumbnail((_LOGO_PIXELS, _LOGO_PIXELS), Image.Resampling.LANCZOS)
        out = BytesIO()
        picture.save(out, "PNG")
        return out.getvalue()


def _drawing(signature: Signature) -> str | bytes | None:
    """The drawn signature from its own strokes; the kept picture where they cannot be read."""
    if signature.method is not SignatureMethod.DRAW:
        return None
    try:
        return draw_svg(read_strokes(signature.strokes))
    except RuleViolation:
        return signature.image_png


@lru_cache(maxsize=256)
def _qr(url: str) -> str:
    return qr_image.svg(url)
