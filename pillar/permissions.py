"""Who may do what in the office: one table, role -> permissions; roles add up (SAFETY: Sessions and roles)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache


class Role(StrEnum):
    """A staff member's role in the company."""

    ADMIN = "admin"
    MANAGER = "manager"
    OFFICE = "office"
    TECHNICIAN = "technician"
    ACCOUNTANT = "accountant"


class Permission(StrEnum):
    """One thing that a route may require."""

    DASHBOARD = "dashboard"
    OWN_ACCOUNT = "own_account"
    CUSTOMER_READ = "customer.read"
    CUSTOMER_WRITE = "customer.write"
    CUSTOMER_IMPORT = "customer.import"
    CUSTOMER_EXPORT = "customer.export"
    ESTIMATE_READ = "estimate.read"
    ESTIMATE_WRITE = "estimate.write"
    PRICE_BOOK_READ = "price_book.read"
    PRICE_BOOK_WRITE = "price_book.write"
    JOB_READ = "job.read"
    JOB_WRITE = "job.write"
    INVOICE_READ = "invoice.read"
    INVOICE_WRITE = "invoice.write"
    INVOICE_WRITE_OFF = "invoice.write_off"
    PAYMENT_RECORD = "payment.record"
    # Money that leaves or is given: refunds, reversals, credit as a kindness.
    PAYMENT_REFUND = "payment.refund"
    MONEY_EXPORT = "money.export"
    MESSAGE_READ = "message.read"
    MESSAGE_SEND = "message.send"
    VIEWS_SHARE = "views.share"
    SETTINGS_READ = "settings.read"
    SETTINGS_WRITE = "settings.write"
    STAFF_READ = "staff.read"
    STAFF_WRITE = "staff.write"
    AUDIT_READ = "audit.read"


_EVERYONE = frozenset({Permission.DASHBOARD, Permission.OWN_ACCOUNT})
_OFFICE = _EVERYONE | {
    Permission.CUSTOMER_READ,
    Permission.CUSTOMER_WRITE,
    Permission.ESTIMATE_READ,
    Permission.ESTIMATE_WRITE,
    Permission.PRICE_BOOK_READ,
    Permission.JOB_READ,
    Permission.JOB_WRITE,
    Permission.INVOICE_READ,
    Permission.INVOICE_WRITE,
    Permission.PAYMENT_RECORD,
    Permission.MESSAGE_READ,
    Permission.MESSAGE_SEND,
    Permission.VIEWS_SHARE,
}

# Technicians see their own visits only; those pages come with visits, so today they have their own account alone.
ROLES: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.MANAGER: _OFFICE
    | {
        Permission.CUSTOMER_IMPORT,
        Permission.CUSTOMER_EXPORT,
        Permission.INVOICE_WRITE_OFF,
        Permission.PAYMENT_REFUND,
        Permission.MONEY_EXPORT,
        Permission.AUDIT_READ,
        Permission.PRICE_BOOK_WRITE,
    },
    Role.OFFICE: _OFFICE | {Permission.CUSTOMER_IMPORT},
    Role.TECHNICIAN: _EVERYONE,
    Role.ACCOUNTANT: _EVERYONE
    | {
        Permission.CUSTOMER_READ,
        Permission.ESTIMATE_READ,
        Permission.INVOICE_READ,
        Permission.MONEY_EXPORT,
    },
}


def granted(roles: Iterable[str]) -> frozenset[Permission]:
    """Everything that these roles may do together; unknown roles grant nothing."""
    return _together(frozenset(roles))


@lru_cache(maxsize=100)
def _together(roles: frozenset[str]) -> frozenset[Permission]:
    known = [Role(role) for role in roles if role in Role.__members__.values()]
    return frozenset().union(*(ROLES[role] for role in known))
