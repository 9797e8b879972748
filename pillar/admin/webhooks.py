"""Messages > Webhooks: what vendors told us and what came of it. To look at only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy.orm import defer
from sqlalchemy.sql import Select

from pillar.admin import formatters, navigation
from pillar.admin.base import SavedView, StaffModelView
from pillar.admin.formatters import Look
from pillar.models.webhook_event import Provider, WebhookEvent, WebhookOutcome
from pillar.permissions import Permission

W = WebhookOutcome
_PROVIDERS = {Provider.TWILIO: "Twilio", Provider.SENDGRID: "SendGrid"}
_KINDS = {"sms": "A text came in", "status": "Text status"}
_LOOKS: Mapping[Any, Look] = {
    W.WAITING: Look("wait", "clock", "Waiting"),
    W.APPLIED: Look("good", "check", "Applied"),
    W.NO_EFFECT: Look("off", "minus", "Nothing to change"),
    W.UNKNOWN: Look("wait", "warning", "Not ours"),
    W.FAILED: Look("bad", "warning", "Failed"),
}


class WebhooksView(StaffModelView):
    """Every event of a vendor's, newest first."""

    icon = "swap"
    needs: ClassVar = {"index_view": Permission.MESSAGE_READ, "details_view": Permission.MESSAGE_READ}
    column_list = ("kind", "provider", "outcome", "received_at")
    column_labels: ClassVar = {"kind": "What", "provider": "From", "received_at": "When"}
    column_sortable_list = ()
    column_default_sort = ("id", True)
    column_formatters: ClassVar = {
        "kind": lambda _view, _context, row, _name: kind_words(row),
        "provider": lambda _view, _context, row, _name: _PROVIDERS[row.provider],
        "outcome": lambda _view, _context, row, _name: formatters.pill(_LOOKS[row.outcome]),
    }
    phone_columns = ("outcome",)
    saved_views = (
        SavedView("all", "All", lambda query: query),
        SavedView("waiting", "Waiting", lambda query: query.where(WebhookEvent.outcome == W.WAITING)),
        SavedView(
            "trouble",
            "Needs a look",
            lambda query: query.where(WebhookEvent.outcome.in_((W.UNKNOWN, W.FAILED))),
        ),
    )
    empty_title = "Nothing came in yet"
    empty_sentence = "What the e-mail and text services report about your messages is listed here."
    details_template = "admin/webhooks/details.html"

    def list_query(self) -> Select[Any]:
        """Without what it carried, which the list does not show."""
        return self.found().options(defer(WebhookEvent.payload))

    def row_title(self, row: WebhookEvent) -> str:
        """What it said."""
        return kind_words(row)

    def row_note(self, row: WebhookEvent) -> str:
        """What came of it."""
        return row.note

    def details_context(self, model: WebhookEvent) -> dict[str, Any]:
        """All that it carried."""
        return {
            "look": _LOOKS[model.outcome],
            "provider": _PROVIDERS[model.provider],
            "lines": [(str(name), _said(value)) for name, value in sorted(model.payload.items())],
        }


def kind_words(row: WebhookEvent) -> str:
    """What an event is, in words."""
    if row.provider is Provider.TWILIO:
        return _KINDS.get(row.kind, formatters.words(row.kind))
    return f"Mail {formatters.words(row.kind).lower()}"


def _said(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def view() -> WebhooksView:
    """The view as it is added to the office."""
    return WebhooksView(
        WebhookEvent, name="Webhooks", category=navigation.MESSAGES, endpoint="webhook_events", url="webhooks"
    )
