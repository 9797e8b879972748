"""Templates of estimates: what was written once, to start the next one from."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.customer import Customer
from pillar.models.estimate import Estimate
from pillar.models.estimate_template import EstimateTemplate
from pillar.services.estimate_content import as_json, content_of, from_json
from pillar.services.estimate_draft import EstimateInput

MAX_TEMPLATES = 500
_NAME_LENGTH = 100


def save_as_template(estimate: Estimate, name: str) -> EstimateTemplate:
    """Keep an estimate's content under a name. Raises RuleViolation."""
    template = EstimateTemplate()
    template.content = as_json(content_of(estimate))
    _store(template, name)
    template.audit("estimate_template.saved", name=template.name, source=estimate.public_id)
    return template


def rename_template(template: EstimateTemplate, name: str) -> None:
    """Give it another name. Raises RuleViolation."""
    before = template.name
    _store(template, name)
    template.audit("estimate_template.renamed", before=before, after=template.name)


def delete_template(template: EstimateTemplate) -> None:
    """Forget it; estimates that were started from it stay."""
    template.audit("estimate_template.deleted", name=template.name)
    db.session.delete(template)


def all_templates() -> list[EstimateTemplate]:
    """Every template, by name."""
    query = select(EstimateTemplate).order_by(EstimateTemplate.name, EstimateTemplate.id)
    return list(db.session.scalars(query.limit(MAX_TEMPLATES)))


def find_template(public_id: str) -> EstimateTemplate | None:
    """The template with this public id."""
    query = select(EstimateTemplate).where(EstimateTemplate.public_id == public_id)
    return db.session.scalars(query).one_or_none()


def content_for(template: EstimateTemplate, customer: Customer) -> EstimateInput:
    """What an estimate for this customer starts with."""
    return from_json(template.content, customer)


def _named(name: str) -> str:
    if not name:
        raise RuleViolation("Give the template a name, such as Water heater, gas.", field="name")
    if len(name) > _NAME_LENGTH:
        raise RuleViolation(f"A name has at most {_NAME_LENGTH} characters.", field="name")
    return name


def _store(template: EstimateTemplate, name: str) -> None:
    named = _named(name)
    try:
        # Changed inside, so that a name that is taken undoes this and nothing else.
        with db.session.begin_nested():
            template.name = named
            db.session.add(template)
    except IntegrityError:
        raise RuleViolation("Another template has this name. Choose another.", field="name") from None
