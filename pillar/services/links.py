"""Addresses in messages and on paper: from configured hosts, never from a request (1.13).

What customers open stands on the company's verified host, else on PILLAR_BASE_URL, else on the public site address in
its settings. The office, and what vendors call, stay on the installation's own host.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import bindparam, select

from pillar.config import Config
from pillar.extensions import db
from pillar.models.estimate import Estimate
from pillar.models.job import Job
from pillar.models.signature import Signature
from pillar.models.tenant import Tenant
from pillar.tenancy import current_tenant_id

_HOSTS = select(Tenant.custom_host, Tenant.custom_host_verified_at, Tenant.public_site_url).where(
    Tenant.id == bindparam("tenant_id")
)


def base_url() -> str:
    """Where the office reaches us."""
    return _config().base_url


def public_url() -> str:
    """Where the customers of the bound company reach us (1.13)."""
    host, verified_at, site = db.session.execute(_HOSTS, {"tenant_id": current_tenant_id()}).one()
    if host and verified_at is not None:
        return host_url(host)
    if not _config().has_base_url and site:
        return str(site).rstrip("/")
    return base_url()


def host_url(host: str) -> str:
    """A company's own host as an address; in development on our own port."""
    parts = urlsplit(base_url())
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{host}{port}"


def portal(slug: str) -> str:
    """The portal of the bound company."""
    return public(f"/portal/{slug}")


def quote(estimate: Estimate) -> str:
    """The estimate's private link."""
    return public(f"/quote/{estimate.public_token}")


def certificate(signature: Signature) -> str:
    """Where anybody who holds the signed paper can have it checked."""
    return public(f"/verify/{signature.certificate_id}")


def office_estimate(estimate: Estimate) -> str:
    """The estimate's page in the office."""
    return f"{base_url()}/admin/estimates/{estimate.public_id}"


def office_job(job: Job) -> str:
    """The job's page in the office."""
    return f"{base_url()}/admin/jobs/{job.public_id}"


def absolute(path: str) -> str:
    """A path of ours on the installation's own host: the office, and what vendors call."""
    return f"{base_url()}{path}"


def public(path: str) -> str:
    """A path of ours as an address for the bound company's customers."""
    return f"{public_url()}{path}"


def _config() -> Config:
    config: Config = current_app.config["PILLAR_CONFIG"]
    return config
