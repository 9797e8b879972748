"""The small forms under an estimate: ask, decline, ask for an update."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField
from wtforms.validators import ValidationError

from pillar.http.forms import LineField, TextField
from pillar.models.estimate_replies import DeclineReason, ReplyKind
from pillar.services.replies import REASONS, ReplyInput

_MAX_BODY = 2_000
_MAX_NAME = 120
_MAX_KEY = 50
_MAX_REVISION_DIGITS = 6


class ReplyForm(FlaskForm):
    """What they have in common. `form_key` makes a double click one reply."""

    kind: ReplyKind
    revision = HiddenField()
    form_key = HiddenField()
    notice: str = ""

    def given(self) -> ReplyInput:
        """What was typed, as the service takes it."""
        text = self.revision.data or ""
        is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_REVISION_DIGITS
        return ReplyInput(
            kind=self.kind,
            revision=int(text) if is_number else 0,
            form_key=(self.form_key.data or "")[:_MAX_KEY],
            **self.said(),
        )

    def said(self) -> dict[str, Any]:
        """The words, by the names of the service's fields."""
        return {}


class AskForm(ReplyForm):
    """Words about the whole or about one line."""

    about_line = LineField("About", most=_MAX_KEY)
    message = TextField("Your message", most=_MAX_BODY)
    asker = LineField("Your name", most=_MAX_NAME)

    def said(self) -> dict[str, Any]:
        """The message, its line and who wrote it."""
        return {"body": self.message.data, "line_key": self.about_line.data, "name": self.asker.data}

    def validate_message(self, field: Any) -> None:
        """Something must be said."""
        if not field.data:
            raise ValidationError(self.empty)

    @property
    def empty(self) -> str:
        """What to say where nothing was typed."""
        is_question = self.kind is ReplyKind.QUESTION
        return "Write your question." if is_question else "Write what you would like to have changed."


class DeclineForm(ReplyForm):
    """A no, with a reason and words if they like."""

    kind = ReplyKind.DECLINE
    reason = RadioField(choices=list(REASONS.items()), validate_choice=False)
    words = TextField("Anything you want to tell us", most=_MAX_BODY)

    def said(self) -> dict[str, Any]:
        """The reason, if one was chosen, and the words."""
        reason = DeclineReason(self.reason.data) if self.reason.data else None
        return {"reason": reason, "body": self.words.data}

    def validate_reason(self, field: Any) -> None:
        """None at all is fine; another one is not."""
        if field.data and field.data not in set(DeclineReason):
            raise ValidationError("Choose one of the reasons, or none.")


class UpdateForm(ReplyForm):
    """One button."""

    kind = ReplyKind.UPDATE
