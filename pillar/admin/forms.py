"""Forms of the office: CSRF by Flask-WTF, typed text made safe, errors in our own words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from flask_admin.form import BaseForm
from flask_admin.helpers import get_form_data
from flask_wtf import FlaskForm
from wtforms import Field, FieldList, Form, FormField, PasswordField, StringField, TextAreaField

from pillar.errors import RuleViolation
from pillar.text import clean_line, clean_text

# WTForms' sentences, said our way (DESIGN: Voice). A field with a better one passes it to its validator.
WORDING = {
    "This field is required.": "Fill this in.",
    "Invalid email address.": "Type an email address such as name@example.com.",
    "Not a valid choice.": "Choose one from the list.",
    "Not a valid choice": "Choose one from the list.",
    "Invalid Choice: could not coerce.": "Choose one from the list.",
    "Not a valid integer value.": "Type a whole number.",
    "Not a valid decimal value.": "Type a number such as 12.50.",
    "Not a valid float value.": "Type a number such as 12.50.",
    "Not a valid date value.": "Type a date such as 2026-03-12.",
    "Not a valid datetime value.": "Type a date and time.",
    "Not a valid time value.": "Type a time such as 8:30.",
    "Invalid URL.": "Type a web address that starts with https://.",
    "Field must be equal to %(other_name)s.": "The two are not the same.",
    "Field cannot be longer than %(max)d character.": "Use at most %(max)d character.",
    "Field cannot be longer than %(max)d characters.": "Use at most %(max)d characters.",
    "Field must be at least %(min)d character long.": "Use at least %(min)d character.",
    "Field must be at least %(min)d characters long.": "Use at least %(min)d characters.",
    "Field must be between %(min)d and %(max)d characters long.": "Use %(min)d to %(max)d characters.",
    "Number must be at least %(min)s.": "The least is %(min)s.",
    "Number must be at most %(max)s.": "The most is %(max)s.",
    "Number must be between %(min)s and %(max)s.": "Type a number from %(min)s to %(max)s.",
}


class Wording:
    """Looks like gettext to WTForms."""

    def gettext(self, text: str) -> str:
        """Our sentence for a library's."""
        return WORDING.get(text, text)

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """The same for counted things."""
        return self.gettext(singular if count == 1 else plural)


def _cleaner(field_class: type[Field]) -> Any:
    # A password is taken as typed; everything else loses control characters and outer spaces.
    if issubclass(field_class, PasswordField):
        return None
    if issubclass(field_class, TextAreaField):
        return clean_text
    return clean_line if issubclass(field_class, StringField) else None


class OfficeMeta:
    """What every form and part of a form here shares."""

    _wording = Wording()

    def get_translations(self, _form: Form) -> Wording:
        """Our words for WTForms' errors."""
        return self._wording

    def bind_field(self, form: Form, unbound_field: Any, options: dict[str, Any]) -> Field:
        """Add the cleaning of typed text to every text field."""
        if clean := _cleaner(unbound_field.field_class):
            own = tuple(unbound_field.kwargs.get("filters", ()))
            options["filters"] = (lambda value: clean(value) if isinstance(value, str) else value, *own)
        return unbound_field.bind(form=form, **options)


class AdminForm(BaseForm, FlaskForm):
    """A form with CSRF. (Flask-Admin's SecureForm beside CSRFProtect would refuse every write.)"""

    class Meta(OfficeMeta):
        pass

    def __init__(self, formdata: Any = None, obj: Any = None, prefix: str = "", **kwargs: Any) -> None:
        # BaseForm passes None on, which FlaskForm takes for "nothing was sent": read the request here.
        super().__init__(get_form_data() if formdata is None else formdata, obj, prefix, **kwargs)


class FormPart(Form):
    """A part inside an AdminForm, for FormField and FieldList; the token is the outer form's."""

    class Meta(OfficeMeta):
        csrf: ClassVar[bool] = False


def leaf_fields(form: Any) -> Iterator[Field]:
    """Every field that a person fills in, those of nested parts included."""
    for field in form:
        if isinstance(field, FormField):
            yield from leaf_fields(field.form)
        elif isinstance(field, FieldList):
            for entry in field.entries:
                yield from leaf_fields(entry.form) if isinstance(entry, FormField) else (entry,)
        else:
            yield field


def add_error(form: Any, refusal: RuleViolation) -> None:
    """Put a rule's sentence beside its field, or on top when the form has no such field."""
    for field in leaf_fields(form):
        if refusal.field and refusal.field in {field.name, field.short_name}:
            field.errors = [*field.errors, refusal.message]
            return
    form.form_errors.append(refusal.message)
