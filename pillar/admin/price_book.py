"""Money > Price book: what the company sells again and again (2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy.sql import Select
from wtforms import BooleanField, IntegerField
from wtforms.validators import Optional, ValidationError

from pillar.admin import formatters, navigation
from pillar.admin.base import RowAction, SavedView, StaffModelView
from pillar.admin.forms import AdminForm
from pillar.http.forms import Between, LineField, MoneyField, TextField
from pillar.models.price_book import PriceBookItem
from pillar.permissions import Permission
from pillar.services import price_book
from pillar.services.price_book import MAX_WARRANTY_MONTHS, ItemInput

_MONTHS = f"Type a number of months from 0 to {MAX_WARRANTY_MONTHS}."


class NotNegative:
    """A price is 0 or more."""

    def __call__(self, _form: Any, field: Any) -> None:
        """Check one field."""
        if field.data is not None and field.data < 0:
            raise ValidationError("An amount is 0 or more.")


class ItemForm(AdminForm):
    """One item."""

    code = LineField(
        "Code", most=40, is_required=True, description="Short, such as WH-50. You find it by this."
    )
    name = LineField("Name", is_required=True, description="What stands on the estimate.")
    description = TextField("Details", most=4_000, description="The scope that goes with it on an estimate.")
    price_cents = MoneyField("Price", is_required=True, validators=[NotNegative()])
    unit = LineField("Unit", most=20, description="Such as hr or ft. Empty: each.")
    cost_cents = MoneyField(
        "Cost", validators=[NotNegative()], description="What you pay for it. No customer ever sees it."
    )
    is_taxable = BooleanField("Taxed", default=True)
    is_active = BooleanField(
        "On offer", default=True, description="Without the tick nobody finds it while writing."
    )
    manufacturer = LineField("Manufacturer", most=100)
    model = LineField("Model", most=100)
    warranty_months = IntegerField(
        "Warranty in months", [Optional(), Between(0, MAX_WARRANTY_MONTHS, _MONTHS)]
    )

    def content(self) -> ItemInput:
        """What goes to the service."""
        return ItemInput(
            code=self.code.data,
            name=self.name.data,
            description=self.description.data,
            unit=self.unit.data,
            price_cents=self.price_cents.data,
            cost_cents=self.cost_cents.data,
            is_taxable=self.is_taxable.data,
            is_active=self.is_active.data,
            manufacturer=self.manufacturer.data,
            model=self.model.data,
            warranty_months=self.warranty_months.data,
        )


class PriceBookView(StaffModelView):
    """Everything with a usual price."""

    icon = "tag"
    can_create = can_edit = can_delete = True
    long_forms = frozenset({"create_view", "edit_view"})
    create_label = "New item"
    needs: ClassVar = {
        "index_view": Permission.PRICE_BOOK_READ,
        "details_view": Permission.PRICE_BOOK_READ,
        "create_view": Permission.PRICE_BOOK_WRITE,
        "edit_view": Permission.PRICE_BOOK_WRITE,
        "delete_view": Permission.PRICE_BOOK_WRITE,
    }
    form_base_class = ItemForm
    form_sections = (
        ("What it is", ("code", "name", "description")),
        ("What it costs", ("price_cents", "unit", "cost_cents", "is_taxable", "is_active")),
        ("Equipment that comes with it", ("manufacturer", "model", "warranty_months")),
    )
    column_list = ("name", "price_cents", "unit", "is_taxable")
    column_labels: ClassVar = {
        "name": "Item",
        "price_cents": "Price",
        "cost_cents": "Cost",
        "is_taxable": "Taxed",
        "is_active": "On offer",
        "description": "Details",
        "warranty_months": "Warranty in months",
    }
    column_details_list = (
        "code",
        "name",
        "description",
        "price_cents",
        "unit",
        "cost_cents",
        "is_taxable",
        "is_active",
        "manufacturer",
        "model",
        "warranty_months",
    )
    column_sortable_list = ("name", "price_cents")
    column_default_sort = "name"
    column_formatters: ClassVar = {"price_cents": formatters.money, "cost_cents": formatters.money}
    column_formatters_detail: ClassVar = {"price_cents": formatters.money, "cost_cents": formatters.money}
    figure_columns = ("price_cents",)
    phone_columns = ("price_cents",)
    search_hint = "Code, name or model"
    saved_views = (
        SavedView("offered", "On offer", lambda query: query.where(PriceBookItem.is_active)),
        SavedView("retired", "No longer sold", lambda query: query.where(PriceBookItem.is_active.is_(False))),
    )
    empty_title = "Nothing in the price book yet"
    empty_sentence = "What you sell again and again goes here. Two keystrokes then put it on an estimate."

    def search(self, query: Select[Any], term: str) -> Select[Any]:
        """By the beginnings of words."""
        return query.where(*price_book.matching(term))

    def row_title(self, row: PriceBookItem) -> str:
        """Its name."""
        return row.name

    def row_note(self, row: PriceBookItem) -> str:
        """Its code."""
        return row.code

    def row_actions(self, row: PriceBookItem) -> Sequence[RowAction]:
        """What can be done from the list."""
        if not self.permits("edit_view"):
            return ()
        question = f"Delete {row.name}? Estimates that have it keep their lines."
        return [
            RowAction("Edit", self.get_url(".edit_view", id=row.public_id), "pencil"),
            RowAction("Delete", self.get_url(".delete_view", id=row.public_id), "trash", True, question),
        ]

    def create_form(self, obj: Any = None) -> ItemForm:  # noqa: ARG002 - Flask-Admin's signature
        """An empty one."""
        return ItemForm()

    def edit_form(self, obj: Any = None) -> ItemForm:
        """One item."""
        return ItemForm(obj=obj)

    def create(self, form: ItemForm) -> PriceBookItem:
        """Add one."""
        return price_book.create_item(form.content())

    def update(self, form: ItemForm, model: PriceBookItem) -> None:
        """Change one."""
        price_book.update_item(model, form.content())

    def delete(self, model: PriceBookItem) -> None:
        """Take one out."""
        price_book.delete_item(model)


def view() -> PriceBookView:
    """The view as it is added to the office."""
    return PriceBookView(
        PriceBookItem,
        name="Price book",
        category=navigation.MONEY,
        endpoint="price_book",
        url="price-book",
    )
