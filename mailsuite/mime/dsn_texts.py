"""What a notice says to people, by language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailsuite.mime.advice import ENGLISH
from mailsuite.mime.dsn import Action


@dataclass(frozen=True, slots=True)
class Lead:
    """How a notice begins: ``subject`` before the message's own, ``one`` for one recipient, ``more`` for several.

    ``{message}`` is the message's date and subject, ``{until}`` the time when tries end.
    """

    subject: str
    one: str
    more: str


@dataclass(frozen=True, slots=True)
class Texts:
    """All that a notice says in a language. ``{host}`` is the host that writes, ``{mx}`` the one that answered.

    ``postmaster`` is the lead of the report that a notice itself could not be delivered.
    """

    system: str
    message: str
    no_subject: str
    leads: Mapping[Action, Lead]
    postmaster: Lead
    said: str
    reason: str
    nothing_said: str


_ENGLISH = Texts(
    system="This is the mail system at {host}.",
    message="Your message of {date}\n    {subject}",
    no_subject="(no subject)",
    leads={
        Action.FAILED: Lead(
            "Undelivered",
            "{message}\ndid not reach the following recipient.\nIt will not be tried again.",
            "{message}\ndid not reach the following recipients.\nIt will not be tried again.",
        ),
        Action.DELAYED: Lead(
            "Delayed",
            "{message}\nhas not reached the following recipient yet.\n"
            "You need not do anything: it is tried again until\n    {until}\n"
            "If it is not delivered by then, you will be told.",
            "{message}\nhas not reached the following recipients yet.\n"
            "You need not do anything: it is tried again until\n    {until}\n"
            "If it is not delivered by then, you will be told.",
        ),
        Action.DELIVERED: Lead(
            "Delivered",
            "{message}\nis in the mailbox of the following recipient.",
            "{message}\nis in the mailboxes of the following recipients.",
        ),
        Action.RELAYED: Lead(
            "Passed on",
            "{message}\nwas taken by the mail system of the following recipient.\n"
            "That system does not report whether it reaches the mailbox.",
            "{message}\nwas taken by the mail system of the following recipients.\n"
            "That system does not report whether it reaches the mailboxes.",
        ),
    },
    postmaster=Lead(
        "Undelivered notice",
        "A notice of this system about the delivery of a message\n    {subject}\n"
        "could not be delivered to the message's originator.\nIt will not be tried again, and nobody else is told.",
        "",
    ),
    said="The mail server {mx} said:",
    reason="The reason:",
    nothing_said="The mail server could not be asked yet.",
)

_GERMAN = Texts(
    system="Dies ist das Mailsystem von {host}.",
    message="Ihre Nachricht vom {date}\n    {subject}",
    no_subject="(kein Betreff)",
    leads={
        Action.FAILED: Lead(
            "Unzustellbar",
            "{message}\nhat den folgenden Empfänger nicht erreicht.\nEs wird nicht noch einmal versucht.",
            "{message}\nhat die folgenden Empfänger nicht erreicht.\nEs wird nicht noch einmal versucht.",
        ),
        Action.DELAYED: Lead(
            "Verzögert",
            "{message}\nhat den folgenden Empfänger noch nicht erreicht.\n"
            "Sie müssen nichts tun: Es wird weiter versucht bis\n    {until}\n"
            "Kommt sie bis dahin nicht an, erfahren Sie es.",
            "{message}\nhat die folgenden Empfänger noch nicht erreicht.\n"
            "Sie müssen nichts tun: Es wird weiter versucht bis\n    {until}\n"
            "Kommt sie bis dahin nicht an, erfahren Sie es.",
        ),
        Action.DELIVERED: Lead(
            "Zugestellt",
            "{message}\nist im Postfach des folgenden Empfängers.",
            "{message}\nist in den Postfächern der folgenden Empfänger.",
        ),
        Action.RELAYED: Lead(
            "Weitergegeben",
            "{message}\nwurde vom Mailsystem des folgenden Empfängers angenommen.\n"
            "Dieses System meldet nicht, ob sie das Postfach erreicht.",
            "{message}\nwurde vom Mailsystem der folgenden Empfänger angenommen.\n"
            "Dieses System meldet nicht, ob sie die Postfächer erreicht.",
        ),
    },
    postmaster=Lead(
        "Unzustellbare Mitteilung",
        "Eine Mitteilung dieses Systems über die Zustellung einer Nachricht\n    {subject}\n"
        "konnte deren Absender nicht zugestellt werden.\n"
        "Es wird nicht noch einmal versucht, und niemand sonst erfährt davon.",
        "",
    ),
    said="Der Mailserver {mx} antwortete:",
    reason="Der Grund:",
    nothing_said="Der Mailserver konnte noch nicht gefragt werden.",
)

_TEXTS = {ENGLISH: _ENGLISH, "de": _GERMAN}

LANGUAGES = tuple(_TEXTS)


def texts(language: str) -> Texts:
    """The texts of a language such as "de"; English when there are none."""
    return _TEXTS.get(language, _ENGLISH)
