"""The office: Flask-Admin in our own shell (DESIGN: Staff side)."""

from __future__ import annotations

from flask import Flask
from flask_admin import Admin

from pillar.admin import (
    access,
    account,
    audit,
    brand,
    customer_portal,
    customers,
    dashboard,
    estimate_templates,
    estimates,
    imports,
    jobs,
    navigation,
    outbox,
    phone_numbers,
    portal_settings,
    price_book,
    search,
    security,
    settings,
    staff,
    step_up,
    webhooks,
)

__all__ = ["init_app", "step_up"]


def init_app(app: Flask) -> None:
    """Register the sign-in pages and the views; their order is the order of the navigation."""
    app.register_blueprint(access.bp)
    admin = Admin(
        app,
        name="Pillar",
        index_view=dashboard.DashboardView(name="Dashboard", category=navigation.TODAY, url="/admin"),
    )
    app.before_request(security.require_second_step)
    customer_portal.init_app(app)
    work = (
        customers.view(),
        imports.view(),
        estimates.view(),
        estimate_templates.view(),
        jobs.view(),
        price_book.view(),
    )
    for view in (
        *work,
        outbox.view(),
        webhooks.view(),
        customer_portal.view(),
        portal_settings.view(),
        settings.view(),
        brand.view(),
        phone_numbers.view(),
        staff.view(),
        audit.view(),
        account.view(),
        search.view(),
    ):
        admin.add_view(view)
