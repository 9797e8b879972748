"""Addresses in messages and on paper: from configured hosts, never from a request (1.13)."""

from __future__ import annotations

from flask import current_app

from pillar.config import Config
from pillar.models.estimate import Estimate
from pillar.models.job import Job
from pillar.models.signature import Signature


def base_url() -> str:
    """Where people reach us."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    return config.base_url


def quote(estimate: Estimate) -> str:
    """The estimate's private link."""
    return f"{base_url()}/quote/{estimate.public_token}"


def certificate(signature: Signature) -> str:
    """Where anybody who holds the signed paper can have it checked."""
    return f"{base_url()}/verify/{signature.certificate_id}"


def office_estimate(estimate: Estimate) -> str:
    """The estimate's page in the office."""
    return f"{base_url()}/admin/estimates/{estimate.public_id}"


def office_job(job: Job) -> str:
    """The job's page in the office."""
    return f"{base_url()}/admin/jobs/{job.public_id}"


def absolute(path: str) -> str:
    """A path of ours as an address for a message."""
    return f"{base_url()}{path}"
