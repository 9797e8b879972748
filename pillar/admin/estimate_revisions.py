"""What the office does with a whole estimate: a new revision, a copy, a template."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose

from pillar.admin import made_once
from pillar.models.estimate import Estimate
from pillar.services import estimate_templates, estimates
from pillar.text import clean_line


class RevisionPages:
    """Mixed into EstimateView."""

    _do: Callable[..., ResponseReturnValue]

    @expose("/<id>/revise", methods=("POST",))
    def revise(self, id: str) -> ResponseReturnValue:  # noqa: A002 - Flask-Admin's own name for it
        """Start a new revision and write it; the customer goes on seeing the one they were sent."""
        return self._do(
            id,
            estimates.start_revision,
            "Your customer sees the current revision until you send this one.",
            to=lambda _draft: url_for(".edit_view", id=id),
        )

    @expose("/<id>/discard", methods=("POST",))
    def discard(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Throw the new revision away."""
        return self._do(id, estimates.discard_revision, "The new revision is discarded.")

    @expose("/<id>/duplicate", methods=("POST",))
    def duplicate(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Another draft with the same content."""
        posted = request.form.get("form_key")

        def copy(estimate: Estimate) -> object:
            first = made_once.first(Estimate, posted)
            return first or estimates.duplicate_estimate(estimate, made_once.key(posted))

        def to(copy: Any) -> str:
            return url_for(".edit_view", id=copy.public_id)

        return self._do(id, copy, "This is a copy. Change what is different.", to=to)

    @expose("/<id>/template", methods=("POST",))
    def save_template(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Keep the content for later estimates."""
        name = clean_line(request.form.get("name", ""))

        def save(estimate: Estimate) -> object:
            return estimate_templates.save_as_template(estimate, name)

        return self._do(id, save, "The template is saved. Start the next estimate from it.")
