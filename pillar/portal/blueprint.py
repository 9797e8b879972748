"""The blueprint of everything below `/portal/<slug>`."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("portal", __name__, url_prefix="/portal/<slug:slug>")
