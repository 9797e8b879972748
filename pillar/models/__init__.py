"""Every model, so that importing the package completes the metadata."""

from __future__ import annotations

from pillar.models.audit import AuditDetails, AuditEvent, AuditHead
from pillar.models.consent import ConsentRecord, Suppression
from pillar.models.customer import (
    Contact,
    Customer,
    CustomerContact,
    InternalNote,
    Phone,
    ServiceLocation,
)
from pillar.models.customer_facet import CustomerFacet
from pillar.models.estimate import Estimate
from pillar.models.estimate_replies import EstimateReply, EstimateView
from pillar.models.estimate_revision import EstimateAddOn, EstimateLine, EstimateOption, EstimateRevision
from pillar.models.estimate_template import EstimateTemplate
from pillar.models.evidence import FIXED
from pillar.models.imports import ImportBatch, ImportMapping, ImportRow
from pillar.models.invoice import Invoice, InvoiceLine
from pillar.models.job import Job
from pillar.models.ledger import (
    Allocation,
    Credit,
    CreditWithdrawal,
    Payment,
    Refund,
)
from pillar.models.list_view import ListView
from pillar.models.message import Message
from pillar.models.numbers import NumberSequence
from pillar.models.phone_call import PhoneCall
from pillar.models.phone_number import PhoneNumber
from pillar.models.portal import LookupRequest, PersonalLink, PortalSession, RetiredToken, SignInLink
from pillar.models.price_book import PriceBookItem
from pillar.models.processes import Heartbeat, PeriodicRun
from pillar.models.signature import Signature
from pillar.models.signed_pdf import SignedPdf
from pillar.models.staff import Notification, RecoveryCode, SignInSession, StaffToken, StaffUser
from pillar.models.tenant import Tenant
from pillar.models.webhook_event import StrayWebhook, WebhookEvent

__all__ = [
    "FIXED",
    "Allocation",
    "AuditDetails",
    "AuditEvent",
    "AuditHead",
    "ConsentRecord",
    "Contact",
    "Credit",
    "CreditWithdrawal",
    "Customer",
    "CustomerContact",
    "CustomerFacet",
    "Estimate",
    "EstimateAddOn",
    "EstimateLine",
    "EstimateOption",
    "EstimateReply",
    "EstimateRevision",
    "EstimateTemplate",
    "EstimateView",
    "Heartbeat",
    "ImportBatch",
    "ImportMapping",
    "ImportRow",
    "InternalNote",
    "Invoice",
    "InvoiceLine",
    "Job",
    "ListView",
    "LookupRequest",
    "Message",
    "Notification",
    "NumberSequence",
    "Payment",
    "PeriodicRun",
    "PersonalLink",
    "Phone",
    "PhoneCall",
    "PhoneNumber",
    "PortalSession",
    "PriceBookItem",
    "RecoveryCode",
    "Refund",
    "RetiredToken",
    "ServiceLocation",
    "SignInLink",
    "SignInSession",
    "Signature",
    "SignedPdf",
    "StaffToken",
    "StaffUser",
    "StrayWebhook",
    "Suppression",
    "Tenant",
    "WebhookEvent",
]
