"""`pillar create-company` and `pillar create-staff`: how the first people get in."""

from __future__ import annotations

import sys

import click
from flask import Flask
from sqlalchemy import select

from pillar import create_app
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.tenant import Tenant
from pillar.passwords import MIN_LENGTH
from pillar.permissions import Role
from pillar.services import companies, staff
from pillar.tenancy import bind_tenant


@click.command("create-company")
@click.argument("name")
@click.option("--slug", required=True, help="The portal's address: /portal/SLUG. It can never change.")
@click.option("--time-zone", default="America/New_York", show_default=True, help="An IANA zone.")
@click.option("--email", default="", help="Where customers' answers arrive.")
def create_company(name: str, slug: str, time_zone: str, email: str) -> None:
    """Make a company. Its portal is live at once."""
    app = create_app()
    with app.app_context():
        try:
            company = companies.create_company(name=name, slug=slug, time_zone=time_zone, email=email)
            db.session.commit()
        except RuleViolation as refusal:
            raise click.ClickException(refusal.message) from None
        print(f"{company.name} is made. Its portal: {app.config['PILLAR_CONFIG'].base_url}/portal/{slug}")


@click.command("create-staff")
@click.argument("email")
@click.option("--company", "slug", required=True, help="The company's portal address.")
@click.option("--name", required=True, help="The person's name.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    default=[Role.ADMIN.value],
    show_default=True,
    type=click.Choice([role.value for role in Role]),
    help="May be given several times.",
)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--invite", is_flag=True, help="No password: mail a link to set one.")
def create_staff(
    email: str,
    slug: str,
    name: str,
    roles: tuple[str, ...],
    password_stdin: bool,  # noqa: FBT001 - click passes switches like this
    invite: bool,  # noqa: FBT001 - as above
) -> None:
    """Add a person to a company's staff; asks for a password."""
    # Never an argument: other people of the machine can read those.
    password = None if invite else _read_password(from_stdin=password_stdin)
    _add(create_app(), email, slug, name, roles, password)
    print(f"{email} is invited." if invite else f"{email} can sign in.")


def _read_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = click.prompt(
        f"Password (at least {MIN_LENGTH} characters)", hide_input=True, confirmation_prompt=True
    )
    return password


def _add(app: Flask, email: str, slug: str, name: str, roles: tuple[str, ...], password: str | None) -> None:
    with app.app_context():
        tenant_id = db.session.scalar(select(Tenant.id).where(Tenant.slug == slug))
        # Hashing the password takes a moment; nothing may wait for it.
        db.session.rollback()
        if tenant_id is None:
            raise click.ClickException(f"There is no company with the portal address {slug}.")
        bind_tenant(db.session(), tenant_id)
        try:
            if password is None:
                staff.invite_staff(email=email, name=name, roles=roles)
            else:
                staff.create_staff(email=email, name=name, roles=roles, password=password)
            db.session.commit()
        except RuleViolation as refusal:
            raise click.ClickException(refusal.message) from None
