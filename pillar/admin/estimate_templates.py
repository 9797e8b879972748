"""Work > Estimate templates: what was written once, to start the next estimate from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy.sql import Select

from pillar.admin import navigation
from pillar.admin.base import RowAction, StaffModelView
from pillar.admin.forms import AdminForm
from pillar.http.forms import LineField
from pillar.http.templating import local_date
from pillar.models.estimate_template import EstimateTemplate
from pillar.permissions import Permission
from pillar.services import estimate_templates


class NameForm(AdminForm):
    """The name, which is all there is to change: the content comes from an estimate."""

    name = LineField("Name", most=100, is_required=True)


class EstimateTemplateView(StaffModelView):
    """What the next estimate can start from."""

    icon = "list"
    can_edit = can_delete = True
    can_view_details = False
    needs: ClassVar = {
        "index_view": Permission.ESTIMATE_WRITE,
        "edit_view": Permission.ESTIMATE_WRITE,
        "delete_view": Permission.ESTIMATE_WRITE,
    }
    form_base_class = NameForm
    column_list = ("name", "holds", "updated_at")
    column_labels: ClassVar = {"name": "Template", "holds": "Holds", "updated_at": "Saved"}
    column_sortable_list = ("name", "updated_at")
    column_default_sort = "name"
    column_formatters: ClassVar = {
        "holds": lambda _view, _context, row, _name: _holds(row),
        "updated_at": lambda _view, _context, row, _name: local_date(row.updated_at),
    }
    search_hint = "Name"
    empty_title = "No templates yet"
    empty_sentence = "Open an estimate that you write often and choose Save as template."

    def search(self, query: Select[Any], term: str) -> Select[Any]:
        """By a part of the name."""
        escaped = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return query.where(EstimateTemplate.name.ilike(f"%{escaped}%", escape="\\"))

    def row_url(self, row: EstimateTemplate) -> str:
        """The name leads to choosing whom the estimate is for."""
        return self.get_url("estimates.create_view", template=row.public_id)

    def row_actions(self, row: EstimateTemplate) -> Sequence[RowAction]:
        """What can be done from the list."""
        question = f"Delete {row.name}? Estimates that were started from it stay."
        return [
            RowAction("Start an estimate", self.row_url(row), "document"),
            RowAction("Rename", self.get_url(".edit_view", id=row.public_id), "pencil"),
            RowAction("Delete", self.get_url(".delete_view", id=row.public_id), "trash", True, question),
        ]

    def edit_form(self, obj: Any = None) -> NameForm:
        """Its name."""
        return NameForm(obj=obj)

    def update(self, form: NameForm, model: EstimateTemplate) -> None:
        """Give it another name."""
        estimate_templates.rename_template(model, form.name.data)

    def delete(self, model: EstimateTemplate) -> None:
        """Forget it."""
        estimate_templates.delete_template(model)

    def get_save_return_url(self, model: Any, is_created: bool = False) -> str:  # noqa: ARG002, FBT001, FBT002
        """Back to the list."""
        return self.home_url()


def _holds(template: EstimateTemplate) -> str:
    content = template.content
    lines = sum(len(option["lines"]) for option in content["options"])
    said = [f"{lines} line{'s' if lines != 1 else ''}"]
    if len(content["options"]) > 1:
        said.insert(0, f"{len(content['options'])} options")
    if content["add_ons"]:
        said.append(f"{len(content['add_ons'])} add-on{'s' if len(content['add_ons']) != 1 else ''}")
    return ", ".join(said)


def view() -> EstimateTemplateView:
    """The view as it is added to the office."""
    return EstimateTemplateView(
        EstimateTemplate,
        name="Estimate templates",
        category=navigation.WORK,
        endpoint="estimate_templates",
        url="estimate-templates",
    )
