"""The sample companies: made by the product's own services, with its clock set back (FEATURES: Sample company)."""

from __future__ import annotations

from pillar.demo.sample import ensure_sample

__all__ = ["ensure_sample"]
