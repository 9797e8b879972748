"""What goes along with a message: the signed paper, once it is made (2.9, 2.11).

The row keeps the paper's name and hash, not its bytes: those are stored once, with the signature.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import undefer

from pillar.extensions import db
from pillar.gateways import Attachment
from pillar.models.estimate import Estimate
from pillar.models.message import Message
from pillar.models.signature import Signature
from pillar.models.signed_pdf import SignedPdf
from pillar.services.estimate_pdf import file_name

_WITH_PAPER = frozenset({"estimate_accepted_customer"})
_ATTACHED = "attached"


def attach(message: Message) -> tuple[Attachment, ...]:
    """What a message takes along if it goes now; the row notes it. A changed paper goes nowhere."""
    attached = _paper_of(message) if message.template in _WITH_PAPER else None
    if attached is None:
        return ()
    paper, name = attached
    message.params = message.params | {_ATTACHED: {"name": name, "sha256": paper.sha256}}
    return (Attachment(name, "application/pdf", paper.pdf or b""),)


def name_of_attached(message: Message) -> str:
    """The file that went along; empty where none did."""
    noted = message.params.get(_ATTACHED) or {}
    return str(noted.get("name", ""))


def attached(message: Message) -> Attachment | None:
    """The file that went along, as it was sent; None where none did or it is no longer the same."""
    noted = message.params.get(_ATTACHED) or {}
    found = _paper_of(message) if noted else None
    if found is None or found[0].sha256 != noted["sha256"]:
        return None
    return Attachment(str(noted["name"]), "application/pdf", found[0].pdf or b"")


def _paper_of(message: Message) -> tuple[SignedPdf, str] | None:
    """The signed paper of what the message is about, and its file name."""
    row = db.session.execute(
        select(SignedPdf, Estimate)
        .join(Signature, Signature.id == SignedPdf.signature_id)
        .join(Estimate, Estimate.id == Signature.estimate_id)
        .where(Estimate.public_id == message.about.partition(":")[2], SignedPdf.made_at.is_not(None))
        .options(undefer(SignedPdf.pdf))
    ).one_or_none()
    if row is None or not row[0].is_genuine:
        return None
    return row[0], file_name(row[1], is_signed=True)
