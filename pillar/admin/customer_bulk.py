"""What is done with several ticked customers: each asks on a page of its own, so that it works without script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from flask import flash, request
from flask.typing import ResponseReturnValue
from flask_admin.actions import action

from pillar.models.customer import Customer
from pillar.permissions import Permission
from pillar.services import customers
from pillar.services.customer_list import Shown


class BulkPages:
    """Mixed into CustomerView."""

    render: Callable[..., str]
    go_back: Callable[[], ResponseReturnValue]
    crumbs: Callable[[], list[tuple[str, str]]]

    action_needs: ClassVar = {
        "remove": Permission.CUSTOMER_WRITE,
        "bring_back": Permission.CUSTOMER_WRITE,
        "tag": Permission.CUSTOMER_WRITE,
    }

    def get_actions_list(self) -> tuple[list[tuple[str, str]], dict[str, str]]:
        """Among the deleted ones there is only the way back."""
        actions, questions = super().get_actions_list()  # type: ignore[misc]
        is_deleted = request.args.get("view") == Shown.DELETED
        return [each for each in actions if (each[0] == "bring_back") is is_deleted], questions

    @action("tag", "Add a tag…")
    def action_tag(self, rows: Sequence[Customer]) -> ResponseReturnValue | None:
        """Give all of them a tag."""
        if "confirmed" not in request.form:
            return self._ask("Add a tag", "Add the tag", rows, asks_tags=True)
        count = customers.tag_customers(rows, request.form.get("tags", ""))
        flash(f"Tagged {_counted(count)}.", "good")
        return None

    @action("remove", "Delete…")
    def action_remove(self, rows: Sequence[Customer]) -> ResponseReturnValue | None:
        """Delete all of them."""
        if "confirmed" not in request.form:
            return self._ask("Delete customers", f"Delete {_counted(len(rows))}", rows)
        for customer in rows:
            customers.delete_customer(customer)
        flash(f"Deleted {_counted(len(rows))}. Nothing is lost: they wait under Deleted.", "good")
        return None

    @action("bring_back", "Restore")
    def action_bring_back(self, rows: Sequence[Customer]) -> None:
        """Bring all of them back."""
        for customer in rows:
            self.say_taken(customers.restore_customer(customer))
        flash(f"Restored {_counted(len(rows))}.", "good")

    def say_taken(self, emails: Sequence[str]) -> None:
        """Whose e-mail opens somebody else's portal by now."""
        for email in emails:
            flash(f"{email} opens another contact's portal now, so here it opens none.", "wait")

    def _ask(
        self, heading: str, button: str, rows: Sequence[Any], *, asks_tags: bool = False
    ) -> ResponseReturnValue:
        return self.render(
            "admin/customers/bulk.html",
            heading=heading,
            button=button,
            rows=rows,
            asks_tags=asks_tags,
            action_name=request.form["action"],
            return_url=request.form.get("url", ""),
            crumbs=self.crumbs(),
        )


def _counted(count: int) -> str:
    return f"{count} customer{'' if count == 1 else 's'}"
