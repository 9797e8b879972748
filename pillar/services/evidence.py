"""Whether what is stored is still what was sent and signed (10, 12): asked on every rendering and by `verify`."""

from __future__ import annotations

from typing import Any

from pillar.errors import RuleViolation
from pillar.models.estimate import Estimate
from pillar.models.estimate_revision import EstimateRevision
from pillar.models.signature import Signature
from pillar.offer import choice_record, choose

# Reading what somebody else has written over our document may fail in all of these ways.
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuleViolation)


def signature_fits(signature: Signature, revision: EstimateRevision, document: dict[str, Any]) -> bool:
    """Whether a signature covers this document, this choice from it and this total."""
    try:
        choice = choose(document, signature.option_key, signature.addon_keys)
        _text, choice_hash = choice_record(document, revision.content_hash, choice)
    except _UNREADABLE:
        return False
    signed = (signature.content_hash, signature.choice_hash, signature.total_cents)
    return signed == (revision.content_hash, choice_hash, choice.total_cents)


def what_is_left(estimate: Estimate) -> dict[str, Any]:
    """A changed document as far as a page can show it, under TAMPERED; without its content where it is ruined."""
    bare = _bare(estimate)
    try:
        document = estimate.revision.content
        choose(document)
        is_whole = set(bare) <= set(document) and set(bare["customer"]) <= set(document["customer"])
    except _UNREADABLE:
        return bare
    return document if is_whole else bare


def _bare(estimate: Estimate) -> dict[str, Any]:
    """What the row alone knows: which estimate it was, for whom, and nothing of what was offered."""
    nothing = {"subtotal_cents": 0, "discount_cents": 0, "tax_cents": 0, "total_cents": 0}
    return {
        "number": estimate.number,
        "title": estimate.title,
        "message": "",
        "terms": "",
        "change_note": "",
        "time_zone": "UTC",
        "valid_until": (estimate.valid_until or estimate.created_at.date()).isoformat(),
        "customer": {
            "name": estimate.customer.display_name,
            "contact": "",
            "email": "",
            "phone": "",
            "address": "",
        },
        "tax": {"label": "", "rate_ppm": 0, "rounding": "document"},
        "options": [{"key": "1", "label": "", "recommended": False, "lines": [], **nothing}],
        "addons": [],
        "deposit": None,
    }
