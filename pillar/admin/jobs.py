"""Jobs in the office: the to-schedule list, newest on top, and one job's page."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from sqlalchemy.sql import Select

from pillar.admin import formatters, navigation
from pillar.admin.base import SavedView, StaffModelView
from pillar.admin.saved_views import SavedViewPages
from pillar.extensions import db
from pillar.models.job import Job, JobStatus
from pillar.permissions import Permission
from pillar.services.word_search import document_ids, narrowed_to

S = JobStatus
_OVER = (S.COMPLETED, S.INVOICED, S.CLOSED, S.CANCELLED)


class JobView(SavedViewPages, StaffModelView):
    """The work there is."""

    icon = "wrench"
    needs: ClassVar = {
        "index_view": Permission.JOB_READ,
        "details_view": Permission.JOB_READ,
        "save_view": Permission.JOB_READ,
        "change_view": Permission.JOB_READ,
    }
    column_list = ("title", "customer", "status", "contract_total_cents", "created_at")
    column_labels: ClassVar = {"title": "Job", "contract_total_cents": "Total", "created_at": "Made"}
    column_sortable_list = ("title", "created_at", "contract_total_cents")
    column_default_sort = ("id", True)
    column_formatters: ClassVar = {
        "customer": lambda _view, _context, row, _name: row.customer.display_name,
        "status": formatters.status(formatters.JOB_LOOKS),
        "contract_total_cents": formatters.money,
    }
    figure_columns = ("contract_total_cents",)
    phone_columns = ("status",)
    search_hint = "Number, title or customer"
    saved_views = (
        SavedView("open", "Open", lambda query: query.where(Job.status.not_in(_OVER))),
        SavedView("to_schedule", "To schedule", lambda query: query.where(Job.status == S.UNSCHEDULED)),
        SavedView("all", "All", lambda query: query),
    )
    empty_title = "No jobs here"
    empty_sentence = "A job is made by itself when a customer approves an estimate."
    details_template = "admin/jobs/details.html"

    def list_query(self) -> Select[Any]:
        """With the customer, whose name the row shows."""
        return self.found().options(joinedload(Job.customer))

    def search(self, query: Select[Any], term: str) -> Select[Any]:
        """By number, by words of the title, or by customer."""
        return narrowed_to(query, Job, document_ids(Job, term))

    def row_note(self, row: Job) -> str:
        """Its number."""
        return row.number

    def waiting_count(self) -> int:
        """Jobs that need a day."""
        query = select(func.count(Job.id)).where(Job.status == S.UNSCHEDULED, Job.deleted_at.is_(None))
        return db.session.scalar(query) or 0

    def details_context(self, model: Job) -> dict[str, Any]:
        """Its status as a pill."""
        return {"look": formatters.JOB_LOOKS[model.status]}


def view() -> JobView:
    """The view as it is added to the office."""
    return JobView(Job, name="Jobs", category=navigation.WORK, endpoint="jobs", url="jobs")
