"""What can go wrong in the product's own terms; the edges turn each into one page."""

from __future__ import annotations


class PillarError(Exception):
    """Base of every error that the product itself raises."""


class RuleViolation(PillarError):
    """A rule of the product says no. `message` is a sentence fit for the person who tried.

    `field` names the form field it belongs to, when there is one.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class InvalidTransition(PillarError):
    """A status was asked to make a move that its table does not hold."""

    def __init__(self, thing: object, current: str, wanted: str) -> None:
        super().__init__(f"{type(thing).__name__} cannot go from {current} to {wanted}")
        self.current = current
        self.wanted = wanted


class DocumentChanged(PillarError):
    """The document is no longer the one the person saw: show the current one (409)."""


class NoTenant(PillarError):
    """A tenant's rows were touched with no tenant bound. Failing is the safe answer."""


class FenceBreached(PillarError):
    """A statement or an object would have crossed from one tenant to another."""


class NotFound(PillarError):
    """Nothing here under that name for whoever asks; another tenant's thing looks the same."""


class GatewayRefused(PillarError):
    """The vendor said no for good. `category` is one of the failure categories of a message."""

    def __init__(self, category: str, detail: str) -> None:
        super().__init__(detail)
        self.category = category
        self.detail = detail


class GatewayOptedOut(GatewayRefused):
    """The vendor keeps an opt-out of this person: we have to keep it too."""


class GatewayBusy(PillarError):
    """The vendor cannot be reached or asks to wait: try again later."""


class GatewayUnsure(PillarError):
    """The request left and no answer came: it may or may not have happened."""
