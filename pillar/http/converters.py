"""Address parts that can be what we look up; anything else is a 404 before a view runs."""

from __future__ import annotations

from werkzeug.routing import BaseConverter

from pillar.signed_links import SHAPE


class TokenConverter(BaseConverter):
    """A random URL-safe name: document tokens, public ids, certificate ids."""

    regex = "[A-Za-z0-9_-]{16,64}"


class SignedConverter(BaseConverter):
    """A signed link's token: subject, end and signature with dots between."""

    regex = SHAPE


class SlugConverter(BaseConverter):
    """A company's slug, exactly as it was chosen, case included (1.1)."""

    regex = "[a-z0-9-]{3,40}"


CONVERTERS: dict[str, type[BaseConverter]] = {
    "token": TokenConverter,
    "signed": SignedConverter,
    "slug": SlugConverter,
}
