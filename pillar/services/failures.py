"""Why a message did not go out, in words, each with the way to put it right (2.5)."""

from __future__ import annotations

from dataclasses import dataclass

from pillar.errors import RuleViolation
from pillar.models.message import Channel, FailureCategory


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
        "The person asked not to get this",
        "Reach them another way. If they want it after all, note it on the customer's page.",
    ),
    C.QUIET_HOURS: Explanation(
        "It is too early or too late for this", "Nothing to do: it goes out in the morning where they live."
    ),
    C.ADDRESS: Explanation(
        "The address does not work", "Correct it on the customer's page, then send the document again."
    ),
    C.TEMPLATE: Explanation(
        "The text of the message is broken", "Correct the text, or ask support, then send the document again."
    ),
    C.REGISTRATION: Explanation(
        "The sending number is not registered",
        "Finish the registration under Settings, Phone Numbers, then send again.",
    ),
    C.FEATURE_OFF: Explanation("This is turned off", "Turn it on under Settings, then send again."),
}


# What reads differently for a text.
_OF_TEXTS: dict[FailureCategory, Explanation] = {
    C.PROVIDER: Explanation(
        "The text service is not available",
        "Check the Twilio settings on the server and under Settings, Phone Numbers, then send again.",
    ),
    C.ADDRESS: Explanation(
        "The number takes no texts", "Correct it on the customer's page, or send the document by email."
    ),
}


class NotSendable(RuleViolation):
    """Nothing is sent, for one of the reasons that a message can fail for; the words name it."""

    def __init__(self, category: FailureCategory, sentence: str) -> None:
        super().__init__(f"{explain(category).title}. {sentence}")
        self.category = category


def explain(category: FailureCategory, channel: Channel = Channel.EMAIL) -> Explanation:
    """The words for one category."""
    if channel is Channel.SMS and category in _OF_TEXTS:
        return _OF_TEXTS[category]
    return _EXPLANATIONS[category]
