"""Why a message did not go out, in words, each with the way to put it right (2.5)."""

from __future__ import annotations

from dataclasses import dataclass

from pillar.models.message import FailureCategory


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the office reads: what is wrong, and what to do about it."""

    title: str
    way_out: str


C = FailureCategory

_EXPLANATIONS: dict[FailureCategory, Explanation] = {
    C.LINK_SETUP: Explanation(
        "Links are not set up",
        "CUSTOMER_TOKEN_SECRET is missing on the server. Ask whoever runs it to set it, then send again.",
    ),
    C.MISSING_OPTIONS: Explanation(
        "The estimate has no options", "Add at least one option to the estimate, then send it again."
    ),
    C.MISSING_PLAN: Explanation(
        "The maintenance plan is missing", "Choose a plan on the estimate, then send it again."
    ),
    C.PROVIDER: Explanation(
        "The e-mail service is not available",
        "Check the e-mail settings on the server, then send again. Nothing was sent.",
    ),
    C.CONSENT: Explanation(
        "The person did not agree to this", "Ask them, and record their answer on the customer's page."
    ),
    C.QUIET_HOURS: Explanation("It is too early or too late for this", "Send again during the day."),
    C.ADDRESS: Explanation(
        "The address does not work", "Correct it on the customer's page, then send the document again."
    ),
    C.TEMPLATE: Explanation(
        "The text of the message is broken", "Correct the text, or ask support, then send the document again."
    ),
    C.REGISTRATION: Explanation(
        "The sending number is not registered", "Finish the registration for text messages, then send again."
    ),
    C.FEATURE_OFF: Explanation("This is turned off", "Turn it on under Settings, then send again."),
}


def explain(category: FailureCategory) -> Explanation:
    """The words for one category."""
    return _EXPLANATIONS[category]
