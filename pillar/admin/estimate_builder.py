"""Writing an estimate: the form, its buttons that keep everything typed, the price book, the totals.

Without script every button sends the form and brings it back; `admin.js` does the same without leaving the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from flask import abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from pillar.admin import estimate_moves, made_once
from pillar.admin.base import is_public_id
from pillar.admin.estimate_form import EstimateForm, blank, filled, line_values
from pillar.admin.forms import add_error, leaf_fields
from pillar.admin.listing import SEARCH_LENGTH
from pillar.database import reading
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.customer import Customer
from pillar.models.estimate import Estimate, EstimateStatus
from pillar.models.price_book import PriceBookItem
from pillar.models.tenant import Tenant
from pillar.offer import Choice, choose
from pillar.services import customer_search, estimate_templates, estimates, price_book
from pillar.services.estimate_content import preview_document
from pillar.services.estimate_draft import EstimateInput, LineInput
from pillar.text import clean_line

_CANDIDATES = 20
_LONGEST_NAME = 60
_CHANGED = "Someone else changed this estimate in the meantime. Compare with the page, then go on."


@dataclass(frozen=True, slots=True)
class Found:
    """What the price book holds for the words in one look-up box."""

    typed: str = ""
    items: Sequence[PriceBookItem] = ()


@dataclass(frozen=True, slots=True)
class Priced:
    """One option with its totals, the add-ons that are ticked from the start among them."""

    label: str
    is_recommended: bool
    choice: Choice


@dataclass(frozen=True, slots=True)
class TotalsShown:
    """The totals of everything typed, or what stands in their way."""

    options: Sequence[Priced] = ()
    problems: Sequence[str] = ()


class BuilderPages:
    """Mixed into EstimateView."""

    one_or_404: Callable[[str], Any]
    render: Callable[..., str]
    row_url: Callable[[Any], str]
    home_url: Callable[[], str]
    crumbs: Callable[[], list[tuple[str, str]]]
    _attempt: Callable[..., Any]

    @expose("/new", methods=("GET", "POST"))
    def create_view(self) -> ResponseReturnValue:
        """Write one; first, for whom."""
        _check_names()
        customer = find_customer(request.args.get("customer", ""))
        if customer is None:
            return self._choose_customer()
        form = blank(tenant(), customer, _template_content(customer))
        if request.method == "GET":
            for public_id in request.args.getlist("add"):
                _add_item(form, "lines", public_id)
        if _is_saving():
            made = self._save_new(form, customer)
            if made is not None:
                flash("The draft is saved. Send it when you are ready.", "good")
                return redirect(self.row_url(made), 303)
        return self._write_page(form, customer, None)

    @expose("/<id>/edit", methods=("GET", "POST"))
    def edit_view(self, id: str) -> ResponseReturnValue:  # noqa: A002 - Flask-Admin's own name for it
        """Change a draft; what was sent changes by a new revision."""
        _check_names()
        estimate = self.one_or_404(id)
        if estimate.draft is None or not estimates.may_send(estimate):
            flash("This estimate was sent already, so it no longer changes.", "wait")
            return redirect(self.row_url(estimate), 303)
        form = filled(estimate)
        if _is_saving():

            def change(content: EstimateInput) -> Estimate:
                check_seen(estimate)
                return estimates.edit_draft(tenant(), estimate, content)

            if self._save(form, estimate.customer, change):
                flash("The draft is saved.", "good")
                return redirect(url_for(".details_view", id=id), 303)
            estimate = self.one_or_404(id)
        return self._write_page(form, estimate.customer, estimate)

    @expose("/totals", methods=("POST",))
    def totals(self) -> ResponseReturnValue:
        """Price what is typed, for the page that is open. Nothing is stored, so nobody waits for the lock."""
        _check_names()
        with reading(db.session):
            form = EstimateForm()
            form.read_prices()
            return render_template("admin/estimates/totals.html", totals=_totals(form))

    @expose("/price-book")
    def find_items(self) -> ResponseReturnValue:
        """The items for a look-up box, for the page that is open."""
        found = _found(request.args.get("find", ""))
        path = request.args.get("path", "")[: len("options-00-lines")]
        return render_template("admin/estimates/matches.html", path=path, found=found)

    def _save_new(self, form: EstimateForm, customer: Customer) -> Estimate | None:
        """One draft, however often the form is posted."""
        posted = form.form_key.data

        def write(content: EstimateInput) -> Estimate:
            return estimates.draft_estimate(tenant(), content, made_once.key(posted))

        return (
            made_once.first(Estimate, posted)
            or self._save(form, customer, write)
            or made_once.first(Estimate, posted)
        )

    def _save(
        self, form: EstimateForm, customer: Customer, write: Callable[[Any], Estimate]
    ) -> Estimate | None:
        is_valid = form.validate()
        content = form.content(customer)
        if not is_valid or content is None:
            return None
        saved: Estimate | None = self._attempt(
            lambda: write(content), lambda refusal: add_error(form, refusal)
        )
        return saved

    def _write_page(
        self, form: EstimateForm, customer: Customer, estimate: Estimate | None
    ) -> ResponseReturnValue:
        focus = _do_as_asked(form)
        has_errors = _is_saving()
        if not has_errors:
            form.read_prices()
        totals = _totals(form)
        if not has_errors and request.form.get("do") != "totals":
            form.forget_errors()
        page = self.render(
            "admin/estimates/write.html",
            form=form,
            customer=customer,
            model=estimate,
            heading=_heading(estimate),
            crumbs=self.crumbs(),
            return_url=self.row_url(estimate) if estimate else self.home_url(),
            focus=focus,
            found=_all_found(form),
            totals=totals,
            templates=estimate_templates.all_templates() if request.method == "GET" and not estimate else (),
        )
        return page, 422 if has_errors or any(field.errors for field in leaf_fields(form)) else 200

    def _choose_customer(self) -> ResponseReturnValue:
        term = clean_line(request.args.get("search", ""))[:SEARCH_LENGTH]
        query = select(Customer).where(Customer.deleted_at.is_(None)).limit(_CANDIDATES)
        if term:
            query = query.where(Customer.id.in_(customer_search.customer_ids(term))).order_by(
                Customer.sort_name
            )
        else:
            query = query.order_by(Customer.id.desc())
        query = query.options(selectinload(Customer.contact_links))
        return self.render(
            "admin/estimates/choose_customer.html",
            heading="Who is the estimate for?",
            crumbs=self.crumbs(),
            customers=db.session.scalars(query).unique().all(),
            term=term,
            chosen_template=request.args.get("template", "")[:22],
        )


def tenant() -> Tenant:
    """The company's own row."""
    return db.session.get_one(Tenant, g.company.tenant_id)


def find_customer(public_id: str) -> Customer | None:
    """The customer that an address names; None when it names nobody, 404 for anybody else's."""
    if not public_id:
        return None
    if not is_public_id(public_id):
        abort(404)
    query = select(Customer).where(Customer.public_id == public_id, Customer.deleted_at.is_(None))
    customer = db.session.scalars(query).one_or_none()
    return customer or abort(404)


def check_seen(estimate: Estimate) -> None:
    """Act on what the person saw, or not at all (SAFETY: Transactions)."""
    seen = request.form.get("seen_version")
    if seen is not None and seen != str(estimate.version):
        raise RuleViolation(_CHANGED)


def _check_names() -> None:
    """No field of ours is called like that, and WTForms would stumble over the number in it."""
    if any(len(name) > _LONGEST_NAME or not name.isascii() for name in request.form):
        abort(400)


def _is_saving() -> bool:
    """Whether this is to be saved: no other button was pressed, and nobody is looking something up."""
    if request.method != "POST" or {"do", "more", "add"} & request.form.keys():
        return False
    return "save" in request.form or not any(_typed_finds().values())


def _typed_finds() -> Mapping[str, str]:
    """What is typed into each look-up box, by the list it is beside."""
    return {
        name.removeprefix("find-"): clean_line(typed)[:SEARCH_LENGTH]
        for name, typed in request.form.items()
        if name.startswith("find-")
    }


def _do_as_asked(form: EstimateForm) -> str:
    """Carry out the button that was pressed, if it is one of the form's own; the field to go on with."""
    if "more" in request.form:
        return _moved(form, "more:lines")
    if "add" in request.form:
        path, _, public_id = request.form["add"].rpartition(".")
        return _add_item(form, path, public_id)
    wish = request.form.get("do", "")
    if wish.startswith("find:"):
        return f"find-{wish.removeprefix('find:')}"
    return _moved(form, wish) if wish and wish != "totals" else ""


def _moved(form: EstimateForm, wish: str) -> str:
    values = form.data
    focus = estimate_moves.move(values, wish)
    form.process(None, data=values)
    return focus


def _add_item(form: EstimateForm, path: str, public_id: str) -> str:
    item = price_book.item_on_offer(public_id) if is_public_id(public_id) else None
    if item is None:
        return ""
    line = LineInput(
        description=item.name,
        quantity_thousandths=1000,
        unit_price_cents=item.price_cents,
        is_taxable=item.is_taxable,
        scope=item.description,
        unit=item.unit,
    )
    values = form.data
    focus = estimate_moves.put_line(values, path, line_values(line))
    form.process(None, data=values)
    return focus


def _all_found(form: EstimateForm) -> Mapping[str, Found]:
    """For each list of lines, what its look-up box finds; a box whose item was just taken is empty again."""
    if request.method == "GET":
        return {}
    typed = dict(_typed_finds())
    typed.pop(request.form.get("add", "").rpartition(".")[0], None)
    return {path: _found(typed.get(path, "")) for path in estimate_moves.line_lists(form.data)}


def _found(typed: str) -> Found:
    typed = clean_line(typed)[:SEARCH_LENGTH]
    return Found(typed, price_book.find_items(typed))


def _totals(form: EstimateForm) -> TotalsShown:
    """The totals of what is typed, from the same document that the customer would be shown."""
    if form.priced is None:
        return TotalsShown(problems=_problems(form))
    try:
        document = preview_document(tenant(), form.priced)
    except RuleViolation as refusal:
        return TotalsShown(problems=[refusal.message])
    return TotalsShown(
        [
            Priced(typed.label, typed.is_recommended, choose(document, option["key"]))
            for typed, option in zip(form.priced.options, document["options"], strict=True)
        ]
    )


def _problems(form: EstimateForm) -> list[str]:
    """Each error with the place it belongs to."""
    return [
        f"{_place(field.name)}{field.label.text}: {message}"
        for field in leaf_fields(form)
        for message in field.errors
    ]


def _place(name: str) -> str:
    """`Option 2, line 3, ` from `options-1-lines-2-quantity`."""
    words = {"options": "option", "lines": "line", "add_ons": "add-on"}
    named = [f"{words[part]} {int(n) + 1}, " for part, n in pairwise(name.split("-")) if part in words]
    return "".join(named).capitalize()


def _template_content(customer: Customer) -> EstimateInput | None:
    public_id = request.args.get("template", "")
    if not public_id or request.method != "GET":
        return None
    found = estimate_templates.find_template(public_id) if is_public_id(public_id) else None
    return estimate_templates.content_for(found or abort(404), customer)


def _heading(estimate: Estimate | None) -> str:
    if estimate is None:
        return "New estimate"
    if estimate.status is EstimateStatus.DRAFT:
        return "Edit estimate"
    return f"Revision {estimate.draft_or_current.n} of {estimate.number}"
