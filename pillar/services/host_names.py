"""A company's own host name: typed, looked at from outside, and used once our own answer came back from it (1.2).

Whoever looks does so between two transactions: `question` before, `record` after.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import select

from pillar import clock
from pillar.config import Config
from pillar.errors import GatewayRefused, RuleViolation
from pillar.extensions import db
from pillar.gateways import Gateways
from pillar.host_names import ascii_name, is_below
from pillar.models.audit import entity_of, note_event
from pillar.models.tenant import Tenant
from pillar.tokens import same

PROBE_PATH = "/.well-known/pillar-host/"
TAKEN = "Another company uses that host name. Ask support if it is yours."
_FIELD = "custom_host"
_LOCAL = "localhost"


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask a host, and the answer that only we give there."""

    host: str
    path: str
    answer: str


def choose(tenant: Tenant, typed: str) -> None:
    """Note the name that the company wants to use; it counts once it is verified. Nothing typed: none."""
    host = _checked(tenant, typed) if typed.strip() else None
    if host == tenant.custom_host:
        return
    before, tenant.custom_host, tenant.custom_host_verified_at = tenant.custom_host, host, None
    note_event(db.session(), "company.host_changed", entity_of(tenant), before=before or "", after=host or "")


def question(tenant: Tenant) -> Question:
    """What to ask now. Raises RuleViolation while no name was typed."""
    if not tenant.custom_host:
        raise RuleViolation("Type a host name first.", field=_FIELD)
    path = f"{PROBE_PATH}{tenant.public_id}"
    return Question(tenant.custom_host, path, answer_for(tenant.custom_host, tenant.public_id))


def ask(asked: Question) -> str:
    """Fetch the address from outside; an empty text when our answer came back, else what came instead."""
    gateways: Gateways = current_app.extensions["gateways"]
    try:
        found = gateways.hosts.fetch(asked.host, asked.path)
    except GatewayRefused as refusal:
        return refusal.detail
    return "" if same(found.strip(), asked.answer) else "Something else answers there, not Pillar."


def record(tenant: Tenant, asked: Question, problem: str) -> bool:
    """Note what was found, if the name is still the one that was asked; whether it may be used."""
    if tenant.custom_host != asked.host:
        raise RuleViolation("The host name was changed meanwhile. Check the new one.", field=_FIELD)
    if problem or tenant.custom_host_verified_at is not None:
        return not problem
    tenant.custom_host_verified_at = clock.now()
    note_event(db.session(), "company.host_verified", entity_of(tenant), host=asked.host)
    return True


def answer_for(host: str, company: str) -> str:
    """What we say at a host about a company: nobody else can, and it is another one at another host."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    said = hmac.new(config.secret_key.encode(), f"pillar host {host} {company}".encode(), hashlib.sha256)
    return f"pillar-host {said.hexdigest()}"


def may_answer(host: str, company: str) -> bool:
    """Whether the company with this random id wants to be found at this host."""
    query = select(Tenant.id).where(Tenant.custom_host == host, Tenant.public_id == company)
    return db.session.scalar(query) is not None


def _checked(tenant: Tenant, typed: str) -> str:
    host = ascii_name(typed)
    if not host:
        raise RuleViolation("Type a host name such as portal.example.com, and nothing else.", field=_FIELD)
    config: Config = current_app.config["PILLAR_CONFIG"]
    ours = urlsplit(config.base_url).hostname or ""
    is_local = is_below(host, _LOCAL) and config.is_production
    if is_below(host, ours) or is_below(host, config.base_domain) or is_local:
        raise RuleViolation("That name is Pillar's own. Type one of yours.", field=_FIELD)
    taken = select(Tenant.id).where(Tenant.custom_host == host, Tenant.id != tenant.id)
    if db.session.scalar(taken) is not None:
        raise RuleViolation(TAKEN, field=_FIELD)
    return host
