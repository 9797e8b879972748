"""Form fields that every edge shares: what people type becomes clean text, cents or thousandths.

A field keeps what was typed, so that a form answered with 422 shows it again, and says in our words what is
wrong.
Lengths are checked after cleaning; NUL and broken characters never get through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from wtforms import SelectMultipleField, StringField, TextAreaField
from wtforms.validators import Length, NumberRange, StopValidation
from wtforms.widgets import CheckboxInput, EmailInput, TelInput

from pillar import emails, money, phones
from pillar.errors import RuleViolation
from pillar.text import clean_line, clean_text

FILL_IN = "Fill this in."


class Filled:
    """Something must be typed. Keeps a better sentence when the value could not be read at all."""

    field_flags: ClassVar[dict[str, Any]] = {"required": True}

    def __init__(self, sentence: str = FILL_IN) -> None:
        self.sentence = sentence

    def __call__(self, _form: Any, field: Any) -> None:
        """Check one field."""
        if field.errors:
            raise StopValidation
        if field.data is None or field.data in ("", []):
            raise StopValidation(self.sentence)


class Between(NumberRange):
    """A range of whole numbers. WTForms' own ends in an OverflowError on a number that no float can hold."""

    def __call__(self, form: Any, field: Any) -> None:
        """Check one field."""
        try:
            super().__call__(form, field)
        except OverflowError:
            raise StopValidation(self.message) from None


class AtMost(Length):
    """A length limit with our sentence."""

    def __init__(self, most: int) -> None:
        super().__init__(max=most, message=f"Use at most {most} characters.")


class LineField(StringField):
    """One line of text."""

    longest: ClassVar[int] = 200

    def __init__(
        self,
        label: str | None = None,
        *,
        most: int | None = None,
        is_required: bool = False,
        validators: Sequence[Any] = (),
        **kwargs: Any,
    ) -> None:
        first = (Filled(),) if is_required else ()
        super().__init__(label, (*first, AtMost(most or self.longest), *validators), **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Clean what was typed."""
        self.data = self._clean(str(valuelist[0])) if valuelist else ""

    def _clean(self, typed: str) -> str:
        return clean_line(typed)


class TextField(LineField, TextAreaField):
    """Several lines of text."""

    longest = 5_000

    def _clean(self, typed: str) -> str:
        return clean_text(typed)


class _ReadField(LineField):
    """A line that stands for a value; it shows what was typed, else the value as a person would type it."""

    longest = 40

    def __init__(
        self,
        label: str | None = None,
        *,
        is_required: bool = False,
        validators: Sequence[Any] = (),
        **kwargs: Any,
    ) -> None:
        first = (Filled(),) if is_required else ()
        # The length is checked on what was typed, the other validators on the value.
        StringField.__init__(self, label, (*first, *validators), **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed; nothing is None."""
        self.typed = clean_line(str(valuelist[0])) if valuelist else ""
        self.data: Any = None
        if len(self.typed) > self.longest:
            raise ValueError(f"Use at most {self.longest} characters.")
        if self.typed:
            try:
                self.data = self._read(self.typed)
            except RuleViolation as refusal:
                raise ValueError(refusal.message) from None

    def _value(self) -> str:
        if self.raw_data:
            return clean_line(str(self.raw_data[0]))
        return "" if self.data is None else self._shown(self.data)

    def _read(self, typed: str) -> Any:
        raise TypeError(f"{type(self).__name__} cannot read {typed!r}")

    def _shown(self, value: Any) -> str:
        raise TypeError(f"{type(self).__name__} cannot show {value!r}")


class MoneyField(_ReadField):
    """An amount; `data` is cents."""

    def _read(self, typed: str) -> int:
        return money.parse_cents(typed)

    def _shown(self, value: int) -> str:
        return money.typed_amount(value)


class QuantityField(_ReadField):
    """A quantity; `data` is thousandths."""

    def _read(self, typed: str) -> int:
        return money.parse_quantity(typed)

    def _shown(self, value: int) -> str:
        return money.quantity(value)


class RateField(_ReadField):
    """A percentage; `data` is parts per million."""

    def _read(self, typed: str) -> int:
        return money.parse_rate(typed)

    def _shown(self, value: int) -> str:
        return money.percent(value).removesuffix("%")


class EmailField(_ReadField):
    """An address for mail; `data` is its one spelling, or an empty string."""

    widget = EmailInput()
    longest = emails.MAX_LENGTH

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed; nothing is an empty string."""
        super().process_formdata(valuelist)
        self.data = self.data or ""

    def _read(self, typed: str) -> str:
        return emails.normalized(typed)

    def _shown(self, value: str) -> str:
        return value


class PhoneField(EmailField):
    """A telephone number; `data` is E.164, or an empty string. `typed` is what the person wrote."""

    widget = TelInput()
    longest = 40

    def _read(self, typed: str) -> str:
        parts = phones.parse(typed)
        if not parts.e164:
            raise RuleViolation("Type a phone number with its area code, such as (937) 555-0142.")
        return parts.e164

    def _shown(self, value: str) -> str:
        return phones.display(value)


class ChecksField(SelectMultipleField):
    """Several of a few choices, each with its own box to tick."""

    option_widget = CheckboxInput()
