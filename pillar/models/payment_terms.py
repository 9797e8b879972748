"""When an invoice is due (3.1): the company's rule, changed per customer or invoice."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class PaymentTerms(StrEnum):
    """How long a customer has to pay."""

    DUE_ON_RECEIPT = "due_on_receipt"
    NET_15 = "net_15"
    NET_30 = "net_30"
    NET_45 = "net_45"
    NET_60 = "net_60"


DAYS: Mapping[PaymentTerms, int] = {
    PaymentTerms.DUE_ON_RECEIPT: 0,
    PaymentTerms.NET_15: 15,
    PaymentTerms.NET_30: 30,
    PaymentTerms.NET_45: 45,
    PaymentTerms.NET_60: 60,
}
LABELS: Mapping[PaymentTerms, str] = {
    PaymentTerms.DUE_ON_RECEIPT: "Due on receipt",
    PaymentTerms.NET_15: "Net 15",
    PaymentTerms.NET_30: "Net 30",
    PaymentTerms.NET_45: "Net 45",
    PaymentTerms.NET_60: "Net 60",
}
