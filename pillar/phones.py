"""Telephone numbers: E.164 inside, national form on screen. Raw text is kept beside it by whoever stores one."""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers

HOME_REGION = "US"
_AT_HOME = re.compile(r"\+1([2-9][0-9]{2})([0-9]{3})([0-9]{4})")


@dataclass(frozen=True, slots=True)
class PhoneParts:
    """One number as typed and as understood; `e164` is empty when it cannot be a number."""

    raw: str
    e164: str

    @property
    def digits(self) -> str:
        return "".join(char for char in (self.e164 or self.raw) if char.isdigit())


def parse(raw: str) -> PhoneParts:
    """Understand a typed number. A number of the right length is taken even if its exchange is not in service."""
    try:
        number = phonenumbers.parse(raw, HOME_REGION)
    except phonenumbers.NumberParseException:
        return PhoneParts(raw, "")
    # "Possible" rather than "valid": office lists hold 555 numbers and exchanges newer than the library.
    if not phonenumbers.is_possible_number(number):
        return PhoneParts(raw, "")
    return PhoneParts(raw, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def display(e164: str) -> str:
    """`(937) 555-0142` for a number at home, the international form elsewhere, the text itself if unreadable."""
    # Lists show hundreds of these, and the library takes its time.
    if at_home := _AT_HOME.fullmatch(e164):
        return "({}) {}-{}".format(*at_home.groups())
    try:
        number = phonenumbers.parse(e164, HOME_REGION)
    except phonenumbers.NumberParseException:
        return e164
    home = number.country_code == phonenumbers.country_code_for_region(HOME_REGION)
    style = phonenumbers.PhoneNumberFormat.NATIONAL if home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, style)
