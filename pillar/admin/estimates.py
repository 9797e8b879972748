"""Estimates in the office: the list, one estimate, writing and sending it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, ClassVar

from flask import abort, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from sqlalchemy.orm import joinedload
from sqlalchemy.sql import Select

from pillar.admin import estimate_list, estimate_page, formatters, navigation
from pillar.admin.base import StaffModelView
from pillar.admin.estimate_builder import BuilderPages, check_seen, tenant
from pillar.admin.estimate_link import LinkPages
from pillar.admin.estimate_revisions import RevisionPages
from pillar.admin.listing import Listing
from pillar.admin.saved_views import SavedViewPages
from pillar.errors import RuleViolation
from pillar.models.estimate import Estimate, EstimateStatus
from pillar.models.message import Message
from pillar.permissions import Permission
from pillar.services import acceptance, estimate_sending, estimates, links, quotes, views
from pillar.services.word_search import document_ids, narrowed_to
from pillar.text import clean_text
from pillar.tokens import public_id

S = EstimateStatus
_REASON_LENGTH = 2_000


class EstimateView(BuilderPages, RevisionPages, LinkPages, SavedViewPages, StaffModelView):
    """What was offered, and to whom."""

    icon = "document"
    new_name = "Estimate"
    can_create = can_edit = can_delete = True
    long_forms = frozenset({"create_view", "edit_view", "totals"})
    create_label = "New estimate"
    create_button = "Save draft"
    needs: ClassVar = {
        "index_view": Permission.ESTIMATE_READ,
        "details_view": Permission.ESTIMATE_READ,
        "save_view": Permission.ESTIMATE_READ,
        "change_view": Permission.ESTIMATE_READ,
        "create_view": Permission.ESTIMATE_WRITE,
        "edit_view": Permission.ESTIMATE_WRITE,
        "delete_view": Permission.ESTIMATE_WRITE,
        "totals": Permission.ESTIMATE_WRITE,
        "find_items": Permission.PRICE_BOOK_READ,
        "preview": Permission.ESTIMATE_READ,
        "revise": Permission.ESTIMATE_WRITE,
        "discard": Permission.ESTIMATE_WRITE,
        "duplicate": Permission.ESTIMATE_WRITE,
        "save_template": Permission.ESTIMATE_WRITE,
        "send": Permission.ESTIMATE_WRITE,
        "send_again": Permission.ESTIMATE_WRITE,
        "send_by": Permission.ESTIMATE_WRITE,
        "withdraw": Permission.ESTIMATE_WRITE,
        "extend": Permission.ESTIMATE_WRITE,
        "decline": Permission.ESTIMATE_WRITE,
        "revoke_link": Permission.ESTIMATE_WRITE,
        "renew_link": Permission.ESTIMATE_WRITE,
        "make_job": Permission.JOB_WRITE,
    }
    column_list = ("title", "customer", "status", "total_cents", "sent_at", "valid_until")
    column_labels: ClassVar = {
        "title": "Estimate",
        "total_cents": "Total",
        "sent_at": "Sent",
        "valid_until": "Good until",
    }
    column_sortable_list = ("title", "total_cents", "sent_at", "valid_until")
    column_default_sort = ("id", True)
    column_formatters: ClassVar = {
        "customer": lambda _view, _context, row, _name: row.customer.display_name,
        "status": estimate_list.status_pill,
        "total_cents": formatters.money,
    }
    figure_columns = ("total_cents",)
    phone_columns = ("status", "total_cents")
    search_hint = "Number, title or customer"
    saved_views = estimate_list.SAVED_VIEWS
    empty_title = "No estimates yet"
    empty_sentence = "Write one in two minutes; the customer signs it on a phone."
    details_template = "admin/estimates/details.html"

    def list_query(self) -> Select[Any]:
        """With the customer, whose name the row shows."""
        return self.found().options(joinedload(Estimate.customer))

    def search(self, query: Select[Any], term: str) -> Select[Any]:
        """By number, by words of the title, or by customer."""
        return narrowed_to(query, Estimate, document_ids(Estimate, term))

    def row_note(self, row: Estimate) -> str:
        """Its number."""
        return row.number or "No number until sent"

    def listing(self, args: Mapping[str, str]) -> Listing:
        """With what was looked at, asked once for the page."""
        drawn = super().listing(args)
        estimate_list.note_viewed(drawn.rows)
        return drawn

    def details_context(self, model: Estimate) -> dict[str, Any]:
        """Everything its page shows."""
        quote = quotes.view(model, g.company) if model.status is not S.DRAFT else None
        document = estimate_page.shown_document(tenant(), model)
        is_signed = quote is not None and quote.signature is not None
        return {
            "facts": estimate_page.estimate_facts(model, document),
            "quote": quote,
            "options": [estimate_page.signed_option(quote.choice)]
            if quote is not None and is_signed
            else estimate_page.options_shown(document),
            "addons": () if is_signed else document["addons"],
            "history": estimate_page.history(tenant(), model),
            "new_revision": model.draft if model.status is not S.DRAFT else None,
            "may_revise": estimates.may_revise(model),
            "may_send": estimates.may_send(model),
            "replies": estimate_page.said_by_customer(model),
            "looks": estimate_page.looks_at_it(model),
            "look": estimate_list.look_of(model, is_viewed=views.is_viewed(model)),
            "timeline": estimate_page.timeline(model),
            "job": quotes.job_of(model),
            "trouble": estimate_sending.trouble(estimate_sending.last_sending(model)),
            "ways": estimate_sending.choices(model),
            "public_url": links.quote(model) if model.has_live_link else "",
            "today": tenant().today().isoformat(),
            "form_key": public_id(),
        }

    def delete(self, model: Estimate) -> None:
        """Only a draft: what was sent is withdrawn instead."""
        estimates.discard_draft(model)

    @expose("/<id>/preview")
    def preview(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """The page as the customer sees it: with the office signed in, its link is a dry run (1.14)."""
        estimate = self.one_or_404(id)
        if not estimate.has_live_link:
            abort(404)
        return redirect(url_for("public.quote.show", token=estimate.public_token), 303)

    @expose("/<id>/send", methods=("POST",))
    def send(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Send it by e-mail, by text or both."""

        def send(estimate: Estimate) -> object:
            channels = estimate_sending.channels_for(request.form.get("by", ""))
            return estimates.send_estimate(tenant(), estimate, channels)

        return self._do(id, send, "It is on its way.")

    @expose("/<id>/send-again", methods=("POST",))
    def send_again(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Mail the same link once more."""
        return self._do(
            id,
            lambda estimate: estimates.resend_estimate(tenant(), estimate),
            "The same link is on its way again.",
        )

    @expose("/<id>/send-by", methods=("POST",))
    def send_by(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Send the same link another way."""

        def send(estimate: Estimate) -> object:
            channels = estimate_sending.channels_for(request.form.get("by", ""))
            return estimates.resend_estimate(tenant(), estimate, channels)

        return self._do(id, send, "The same link is on its way again.")

    @expose("/<id>/withdraw", methods=("POST",))
    def withdraw(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Take it back."""
        return self._do(id, estimates.withdraw_estimate, "It is withdrawn. Its link says so.")

    @expose("/<id>/decline", methods=("POST",))
    def decline(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Note that the customer said no."""
        reason = clean_text(request.form.get("reason", ""))[:_REASON_LENGTH]
        return self._do(
            id, lambda estimate: estimates.decline_estimate(estimate, reason), "Noted as declined."
        )

    @expose("/<id>/extend", methods=("POST",))
    def extend(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Give it more days."""

        def more_days(estimate: Estimate) -> None:
            try:
                day = date.fromisoformat(request.form.get("valid_until", ""))
            except ValueError:
                raise RuleViolation("Choose a day, such as 2026-12-31.") from None
            estimates.extend_estimate(tenant(), estimate, day)

        return self._do(id, more_days, "It is good for longer now.")

    @expose("/<id>/job", methods=("POST",))
    def make_job(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Turn an approved estimate into a job, where the office converts."""
        return self._do(id, lambda estimate: acceptance.create_job(tenant(), estimate), "The job is made.")

    def _do(
        self,
        id: str,  # noqa: A002 - as above
        act: Callable[[Estimate], object],
        said: str,
        to: Callable[[Any], str] | None = None,
    ) -> ResponseReturnValue:
        """Act on one estimate and commit; `to` is where it leads when it went well."""
        estimate = self.one_or_404(id)
        back = self.row_url(estimate)
        refusals: list[RuleViolation] = []

        def compared_and_done() -> tuple[object]:
            check_seen(estimate)
            return (act(estimate),)

        done = self._attempt(compared_and_done, refusals.append)
        if done:
            flash(*(_trouble(done[0]) or (said, "good")))
        for refusal in refusals:
            flash(refusal.message, "bad")
        return redirect(to(done[0]) if done and to else back, 303)


def _trouble(made: object) -> tuple[str, str] | None:
    """What to tell about messages that will not go out: why, and the way to put it right (2.5)."""
    messages = [each for each in made if isinstance(each, Message)] if isinstance(made, list) else []
    sentences = estimate_sending.trouble(messages)
    return (sentences, "bad") if sentences else None


def view() -> EstimateView:
    """The view as it is added to the office."""
    return EstimateView(
        Estimate, name="Estimates", category=navigation.WORK, endpoint="estimates", url="estimates"
    )
