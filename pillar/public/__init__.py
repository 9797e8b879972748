"""Pages without sign-in: the front page and what the links in messages open."""

from __future__ import annotations

from flask import Blueprint

from pillar.public import dead_links, front, quote, quote_pdf, replies, verify, webhooks

bp = Blueprint("public", __name__)
bp.register_blueprint(dead_links.bp)
bp.register_blueprint(front.bp)
bp.register_blueprint(quote.bp)
bp.register_blueprint(quote_pdf.bp)
bp.register_blueprint(replies.bp)
bp.register_blueprint(verify.bp)
bp.register_blueprint(webhooks.bp)
