"""`/portal/<slug>`: the company's own place for its customers."""

from __future__ import annotations

from pillar.portal import home
from pillar.portal.blueprint import bp

__all__ = ["bp", "home"]
