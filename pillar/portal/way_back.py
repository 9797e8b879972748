"""Where somebody goes after signing in: a page of this portal and nothing else."""

from __future__ import annotations

import re

_LONGEST = 500
# Parts that begin with a letter or digit hold no "..", and nothing is escaped that a browser would unescape.
_PAGE = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*(?:\?[A-Za-z0-9_.~=&%+-]*)?")
# Pages of the way in would lead round in a circle.
_DOORS = re.compile(r"/(?:sign-in|sent|sign-out)(?:[/?-]|$)")


def own_page(target: str, portal_url: str) -> str:
    """The target if it is a page of this portal, else nothing. No redirect leaves it."""
    rest = target.removeprefix(portal_url)
    if len(target) > _LONGEST or rest == target or not rest.startswith("/"):
        return ""
    return target if _PAGE.fullmatch(rest) and not _DOORS.match(rest) else ""
