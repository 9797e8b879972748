"""E-mail addresses: one spelling for each, so that they can be compared."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from pillar.errors import RuleViolation
from pillar.text import clean_line

MAX_LENGTH = 254
SENTENCE = "Type an email address such as name@example.com."


def normalized(typed: str) -> str:
    """The address in small letters. Raises RuleViolation when it cannot be one."""
    try:
        found = validate_email(clean_line(typed)[: MAX_LENGTH + 1], check_deliverability=False)
    except (EmailNotValidError, ValueError):
        raise RuleViolation(SENTENCE, field="email") from None
    return found.normalized.lower()
