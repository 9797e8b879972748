"""The signed paper: made once by a worker, kept with its hash, never changed (invariant 15)."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, String, UniqueConstraint, event, inspect
from sqlalchemy.orm import Mapped, deferred, mapped_column

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import Model
from pillar.models.base import Identified, TenantOwned, UtcDateTime, belongs_to, tenant_reference
from pillar.models.outbox import OutboxRow
from pillar.models.signature import Signature


class SignedPdf(Identified, TenantOwned, OutboxRow, Model):
    """One per signature. Written empty with the signature; that is the request to make it."""

    __tablename__ = "signed_pdf"
    signature_id: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64), default="")
    made_at: Mapped[datetime | None] = mapped_column(UtcDateTime, active_history=True)
    pdf: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))

    signature: Mapped[Signature] = belongs_to("Signature", "SignedPdf.signature_id")

    __table_args__: Any = (
        tenant_reference("signature_id", "signature"),
        UniqueConstraint("tenant_id", "signature_id"),
        OutboxRow.sweep_index(),
    )

    @property
    def is_made(self) -> bool:
        """Whether the paper is there."""
        return self.made_at is not None

    def keep(self, pdf: bytes) -> None:
        """Fix the paper for good. Raises RuleViolation when there is one already."""
        if self.is_made:
            raise RuleViolation("The signed PDF was made already.")
        self.pdf = pdf
        self.sha256 = hashlib.sha256(pdf).hexdigest()
        self.made_at = clock.now()
        self.finish()

    @property
    def is_genuine(self) -> bool:
        """Whether the stored bytes have the hash they were stored with."""
        return self.pdf is not None and hashlib.sha256(self.pdf).hexdigest() == self.sha256


@event.listens_for(SignedPdf, "before_update")
@event.listens_for(SignedPdf, "before_delete")
def _made_means_fixed(_mapper: Any, _connection: Any, row: SignedPdf) -> None:
    """A paper that was made stays as it is; the change that makes it is the last one allowed."""
    history = inspect(row).attrs.made_at.load_history()
    if any((*(history.unchanged or ()), *(history.deleted or ()))):
        raise RuleViolation("A signed PDF does not change.")
