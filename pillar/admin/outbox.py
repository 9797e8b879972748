"""The Outbox: every message with what, to whom, why, its state, and why it did not arrive (7.9)."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import Response, abort, current_app, flash, make_response, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import defer, joinedload
from sqlalchemy.sql import Select

from pillar.admin import formatters, navigation
from pillar.admin.base import SavedView, StaffModelView
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http.headers import allow_own_frames
from pillar.models.message import Channel, FailureCategory, Message, MessageStatus, Purpose
from pillar.permissions import Permission
from pillar.services import attachments, delivery, heartbeats
from pillar.services.failures import explain

S = MessageStatus
_WAITING = (S.QUEUED, S.SENDING, S.HELD)
_GONE = (S.SENT, S.DELIVERED, S.OPENED)
_TROUBLE = (S.FAILED, S.UNKNOWN, S.BOUNCED)
_NOT_SENT = formatters.Look("off", "minus", "Not sent")
_PURPOSES = {
    Purpose.TRANSACTIONAL: "About a document or a visit",
    Purpose.MARKETING: "Marketing",
    Purpose.SECURITY: "Signing in",
}
# What a mail may do on its page: show itself, and open its links in a tab of their own.
_FRAME_RIGHTS = "allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
_MAIL_POLICY = (
    f"sandbox {_FRAME_RIGHTS}; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
# Inside a frame a link would open in the frame, where no page of ours lets itself be shown.
_LINKS_OUTSIDE = '<base target="_blank">'


class OutboxView(StaffModelView):
    """What was sent, what waits, what failed."""

    icon = "outbox"
    needs: ClassVar = {
        "index_view": Permission.MESSAGE_READ,
        "details_view": Permission.MESSAGE_READ,
        "mail": Permission.MESSAGE_READ,
        "attachment": Permission.MESSAGE_READ,
        "send_again": Permission.MESSAGE_SEND,
    }
    column_list = ("subject", "to_address", "status", "created_at")
    column_labels: ClassVar = {"subject": "Message", "to_address": "To", "created_at": "Written"}
    column_sortable_list = ("created_at",)
    column_default_sort = ("created_at", True)
    column_formatters: ClassVar = {
        "subject": lambda _view, _context, row, _name: subject_of(row),
        "to_address": lambda _view, _context, row, _name: formatters.message_address(row),
        "status": lambda _view, _context, row, _name: formatters.pill(look_of(row)),
    }
    phone_columns = ("status",)
    saved_views = (
        SavedView("all", "All", lambda query: query),
        SavedView("waiting", "Waiting", lambda query: query.where(Message.status.in_(_WAITING))),
        SavedView("sent", "Sent", lambda query: query.where(Message.status.in_(_GONE))),
        SavedView("trouble", "Needs a look", lambda query: query.where(Message.status.in_(_TROUBLE))),
        SavedView("dropped", "Not sent", lambda query: query.where(Message.status == S.SUPPRESSED)),
    )
    empty_title = "No messages here"
    empty_sentence = "Every message to a customer or to your team is listed here, with what became of it."
    list_template = "admin/outbox/list.html"
    details_template = "admin/outbox/details.html"

    def list_query(self) -> Select[Any]:
        """Without the texts, which the list does not show."""
        texts = (Message.body_text, Message.body_html, Message.body_sealed)
        return self.found().options(*(defer(text) for text in texts))

    def row_title(self, row: Message) -> str:
        """Its subject."""
        return subject_of(row)

    def row_note(self, row: Message) -> str:
        """Whom it is for."""
        return row.to_name or formatters.message_address(row)

    def waiting_count(self) -> int:
        """Messages that somebody has to look at."""
        query = select(func.count(Message.id)).where(Message.status.in_((S.FAILED, S.UNKNOWN)))
        return db.session.scalar(query) or 0

    def details_context(self, model: Message) -> dict[str, Any]:
        """What, to whom, why, how far, and how to put it right."""
        body = delivery.kept_body(model)
        if body is not None and body.html:
            allow_own_frames()
        category = model.failure_category
        return {
            "look": look_of(model),
            "body": body,
            "frame_rights": _FRAME_RIGHTS,
            "why": f"{_PURPOSES[model.purpose]}: {formatters.words(model.template)}",
            "about_url": _about_url(model),
            "explanation": explain(category, model.channel) if category else None,
            "obstacle": delivery.obstacle_to_repeat(model),
            "may_send": self.permits("send_again"),
            "can_send_now": heartbeats.can_send(db.session()),
            "is_mailbox": delivery.is_mailbox(model.channel),
            "is_text": model.channel is Channel.SMS,
            "address": formatters.message_address(model),
            "attached": attachments.name_of_attached(model),
        }

    @expose("/<id>/mail")
    def mail(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as in the base
        """The mail as its reader sees it, on a page that can only be read and have its links opened."""
        body = delivery.kept_body(self.one_or_404(id))
        if body is None or not body.html:
            abort(404)
        response: Response = make_response(_with_links_outside(body.html))
        response.headers["Content-Security-Policy"] = _MAIL_POLICY
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response

    @expose("/<id>/attachment")
    def attachment(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as in the base
        """The file that went along."""
        message = self.one_or_404(id)
        file = attachments.attached(message)
        if file is None:
            flash("No file went along, or it is no longer the one that was sent.", "wait")
            return redirect(self.row_url(message), 303)
        response = Response(file.content, mimetype=file.content_type)
        response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
        return response

    @expose("/<id>/send-again", methods=("POST",))
    def send_again(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as in the base
        """Queue it once more."""
        message = self.one_or_404(id)
        back = self.row_url(message)
        if self._attempt(lambda: delivery.send_again(message), _flash_refusal) is not None:
            flash("It is queued again.", "good")
        return redirect(back, 303)

    def found(self) -> Select[Any]:
        """With the customer, whom the page names."""
        return super().found().options(joinedload(Message.customer))


def subject_of(message: Message) -> str:
    """Its subject; a text has none, and security mail has one only when it is sent."""
    return formatters.message_title(message)


def look_of(message: Message) -> formatters.Look:
    """Its state as a pill. Not everything that is held back is somebody's opting out."""
    if message.status is S.SUPPRESSED and message.failure_category is not FailureCategory.CONSENT:
        return _NOT_SENT
    return formatters.MESSAGE_LOOKS[message.status]


def _flash_refusal(refusal: RuleViolation) -> None:
    flash(refusal.message, "bad")


def _about_url(message: Message) -> str:
    """The page of what it is about, where there is one."""
    kind, _, public_id = message.about.partition(":")
    endpoint = f"{kind}s.details_view"
    return url_for(endpoint, id=public_id) if endpoint in current_app.view_functions else ""


def _with_links_outside(html: str) -> Markup:
    return Markup(html.replace("<head>", f"<head>{_LINKS_OUTSIDE}", 1))  # noqa: S704 - our own template, escaped then


def view() -> OutboxView:
    """The view as it is added to the office."""
    return OutboxView(Message, name="Outbox", category=navigation.MESSAGES, endpoint="outbox", url="outbox")
