"""`/portal/<slug>`: the company's own place for its customers."""

from __future__ import annotations

from pillar.portal.home import bp

__all__ = ["bp"]
