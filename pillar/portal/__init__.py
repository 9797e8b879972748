"""`/portal/<slug>`: the company's own place for its customers."""

from __future__ import annotations

from pillar.portal import (
    dead_ends,
    estimates,
    home,
    home_screen,
    inbox,
    link_page,
    looking,
    one_time_links,
    personal_links,
    profile,
    sign_in,
    signed_in,
)
from pillar.portal.blueprint import bp
from pillar.portal.personal_links import links_bp

__all__ = [
    "bp",
    "dead_ends",
    "estimates",
    "home",
    "home_screen",
    "inbox",
    "link_page",
    "links_bp",
    "looking",
    "one_time_links",
    "personal_links",
    "profile",
    "sign_in",
    "signed_in",
]
