"""The form under an estimate: draw or type, full name, consent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, RadioField, StringField
from wtforms.fields.core import Label
from wtforms.validators import ValidationError

from pillar.models.estimate_revision import EstimateRevision
from pillar.models.signature import SignatureMethod
from pillar.text import clean_line

MAX_NAME = 120
_MIN_LETTERS = 2
_MAX_REVISION_DIGITS = 6


@dataclass(frozen=True, slots=True)
class BlankField:
    """A field that nobody touched, as far as the page shows one."""

    name: str
    words: str = ""
    data: str = ""
    errors: tuple[str, ...] = ()

    @property
    def label(self) -> Label:
        """As WTForms has it."""
        return Label(self.name, self.words)


@dataclass(frozen=True, slots=True)
class BlankForm:
    """The form before anybody typed. Making WTForms' own one is a tenth of what a look at the page costs."""

    notice: str = ""
    errors: Mapping[str, Any] = field(default_factory=dict)
    method: BlankField = BlankField("method")
    strokes: BlankField = BlankField("strokes")
    signer_name: BlankField = BlankField("signer_name", "Your full name")
    consent: BlankField = BlankField("consent")


class SignForm(FlaskForm):
    """What the customer fills in; `revision` and `content_hash` say what they saw."""

    method = RadioField(choices=[("draw", "Draw"), ("type", "Type")], validate_choice=False)
    strokes = HiddenField()
    signer_name = StringField("Your full name", filters=[lambda value: clean_line(value or "")])
    consent = BooleanField()
    revision = HiddenField()
    content_hash = HiddenField()

    notice: str = ""

    def is_about(self, revision: EstimateRevision) -> bool:
        """Whether what is posted was filled in on a page with this revision."""
        return (self.revision_number, self.content_hash.data) == (revision.n, revision.content_hash)

    @property
    def revision_number(self) -> int:
        """The revision that was on screen; 0 for nonsense, which is never current."""
        text = self.revision.data or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_REVISION_DIGITS else 0

    def validate_method(self, field: Any) -> None:
        """Draw or type, nothing else."""
        if field.data not in set(SignatureMethod):
            raise ValidationError("Choose Draw or Type.")

    def validate_signer_name(self, field: Any) -> None:
        """A name that somebody could read."""
        if len(field.data) > MAX_NAME:
            raise ValidationError(f"A name has at most {MAX_NAME} letters here.")
        if sum(char.isalpha() for char in field.data) < _MIN_LETTERS:
            raise ValidationError("Write your full name, such as Margaret Ellison.")

    def validate_consent(self, field: Any) -> None:
        """The box is never ticked for anybody."""
        if not field.data:
            raise ValidationError("Tick the box to say that you approve.")
