"""The private link of an estimate: taken back, or made anew and sent (1.10, 1.12)."""

from __future__ import annotations

from collections.abc import Callable

from flask.typing import ResponseReturnValue
from flask_admin import expose

from pillar.admin.estimate_builder import tenant
from pillar.services import document_links


class LinkPages:
    """Mixed into EstimateView."""

    _do: Callable[..., ResponseReturnValue]

    @expose("/<id>/link/revoke", methods=("POST",))
    def revoke_link(self, id: str) -> ResponseReturnValue:  # noqa: A002 - Flask-Admin's own name for it
        """Take it back at once."""
        said = "The link is taken back. Whoever opens it is offered a new one, sent to the contact here."
        return self._do(id, document_links.revoke, said)

    @expose("/<id>/link/renew", methods=("POST",))
    def renew_link(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """End the old one and send another."""
        return self._do(
            id,
            lambda estimate: document_links.renew_and_send(tenant(), estimate),
            "A new link is on its way. The old one does not work any more.",
        )
