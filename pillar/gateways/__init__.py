"""The vendors, behind plain values: the only place that imports their SDKs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from pillar.config import Config
from pillar.gateways.hosts import HostGateway, OutsideView
from pillar.gateways.mail import (
    Attachment,
    BuiltInMail,
    MailGateway,
    MissingMail,
    OutgoingMail,
    SendGridMail,
    Sent,
)
from pillar.gateways.sms import BuiltInSms, MissingSms, OutgoingText, SmsGateway, TwilioSms

__all__ = [
    "Attachment",
    "Gateways",
    "HostGateway",
    "MailGateway",
    "OutgoingMail",
    "OutgoingText",
    "Sent",
    "SmsGateway",
]


@dataclass(frozen=True, slots=True)
class Gateways:
    """One gateway for each kind of vendor. Tests give `create_app` their own."""

    mail: MailGateway
    sms: SmsGateway = field(default_factory=BuiltInSms)
    hosts: HostGateway = field(default_factory=OutsideView)

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """The vendor where there is a key; else the built-in one in development, a refusal in production."""
        return cls(mail=_mail(config), sms=_sms(config), hosts=_hosts(config))


def _mail(config: Config) -> MailGateway:
    if config.sendgrid_api_key:
        return SendGridMail(config.sendgrid_api_key, config.sendgrid_api_base)
    return MissingMail() if config.is_production else BuiltInMail()


def _sms(config: Config) -> SmsGateway:
    if config.twilio_account_sid and config.twilio_auth_token:
        return TwilioSms(config.twilio_account_sid, config.twilio_auth_token, config.twilio_api_base)
    return MissingSms() if config.is_production else BuiltInSms()


def _hosts(config: Config) -> HostGateway:
    return OutsideView(None if config.is_production else urlsplit(config.base_url).port or config.port)
