"""What a person can do about a failed delivery, in words, by its enhanced status code (RFC 3463, RFC 7372)."""

from __future__ import annotations

import re

_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\Z")

ENGLISH = "en"
"""The language for whom no other is known. Whatever is missing in another language is said in this one."""

_EXACT_ENGLISH = {
    "1.1": "The address does not exist there. Check its spelling, or ask the recipient for the right one.",
    "1.2": "The part after the @ is not a mail domain. Check its spelling.",
    "1.3": "The address is not written as an address should be. Check it for missing or extra characters.",
    "1.6": "The recipient has moved. Ask for the new address.",
    "1.10": "This domain accepts no mail at all. Ask the recipient for another address.",
    "2.1": "The mailbox is closed. Ask the recipient by another way.",
    "2.2": "The mailbox is full. Try again in a few days, or tell the recipient by another way.",
    "2.3": "The message is too large for this recipient. Send less, or a link to the file.",
    "3.4": "The message is too large for the other side. Send less, or a link to the file.",
    "4.4": "The mail servers of the domain could not be found. Check the part after the @; if it is right, try later.",
    "4.6": "The mail goes round in a circle. The administrator of the recipient's domain must mend its routing.",
    "4.7": "The other side could not be reached in time. Check the part after the @, or try again later.",
    "6.7": "The other side cannot take addresses with such letters. Ask the recipient for an address in plain letters.",
    "7.25": "The other side refuses this server because of its DNS entries. Tell your administrator.",
    "7.26": "The other side could not verify that the message is from you. Tell your administrator.",
    "7.30": "The other side offers no safe connection, and the message demands one.",
}
_BY_SUBJECT_ENGLISH = {
    "1": "Check the address for mistakes, or ask the recipient for the right one.",
    "2": "The recipient's mailbox cannot take the message now. Tell the recipient by another way.",
    "3": "The other side's mail system cannot take this message. Try again later, or send less.",
    "4": "The other side could not be reached. Try again later; if it persists, tell your administrator.",
    "5": "The two mail systems do not understand each other. Tell your administrator.",
    "6": "The other side cannot handle the form of this message. Send it as plain text or in another format.",
    "7": "The other side refuses the message by its rules. Its answer may say why; otherwise tell your administrator.",
}
_OTHERWISE_ENGLISH = "The answer of the other side may say why. If it does not help, tell your administrator."

_EXACT_GERMAN = {
    "1.1": "Diese Adresse gibt es dort nicht. Prüfen Sie die Schreibweise oder fragen Sie nach der richtigen Adresse.",
    "1.2": "Der Teil hinter dem @ ist keine Mail-Domain. Prüfen Sie die Schreibweise.",
    "1.3": "Die Adresse ist nicht richtig geschrieben. Prüfen Sie, ob ein Zeichen fehlt oder zu viel ist.",
    "1.6": "Der Empfänger hat eine neue Adresse. Fragen Sie ihn danach.",
    "1.10": "Diese Domain nimmt keine Mail an. Fragen Sie den Empfänger nach einer anderen Adresse.",
    "2.1": "Das Postfach ist geschlossen. Wenden Sie sich auf anderem Weg an den Empfänger.",
    "2.2": "Das Postfach ist voll. Versuchen Sie es in einigen Tagen wieder oder auf anderem Weg.",
    "2.3": "Die Nachricht ist für diesen Empfänger zu groß. Senden Sie weniger oder einen Link zur Datei.",
    "3.4": "Die Nachricht ist der Gegenseite zu groß. Senden Sie weniger oder einen Link zur Datei.",
    "4.4": "Die Mailserver der Domain wurden nicht gefunden. Prüfen Sie den Teil hinter dem @, sonst versuchen Sie es "
    "später wieder.",
    "4.6": "Die Mail läuft im Kreis. Der Administrator der Empfänger-Domain muss das beheben.",
    "4.7": "Die Gegenseite war nicht rechtzeitig erreichbar. Prüfen Sie den Teil hinter dem @ oder versuchen Sie es "
    "später wieder.",
    "6.7": "Die Gegenseite versteht Adressen mit solchen Zeichen nicht. Fragen Sie nach einer Adresse ohne sie.",
    "7.25": "Die Gegenseite lehnt diesen Server wegen seiner DNS-Einträge ab. Sagen Sie es Ihrem Administrator.",
    "7.26": "Die Gegenseite konnte nicht prüfen, ob die Nachricht von Ihnen ist. Sagen Sie es Ihrem Administrator.",
    "7.30": "Die Gegenseite bietet keine sichere Verbindung, und die Nachricht verlangt eine.",
}
_BY_SUBJECT_GERMAN = {
    "1": "Prüfen Sie die Adresse auf Fehler oder fragen Sie den Empfänger nach der richtigen.",
    "2": "Das Postfach des Empfängers kann die Nachricht nicht aufnehmen. Versuchen Sie es auf anderem Weg.",
    "3": "Das Mailsystem der Gegenseite kann die Nachricht nicht annehmen. Versuchen Sie es später oder kürzer.",
    "4": "Die Gegenseite war nicht erreichbar. Versuchen Sie es später; sonst sagen Sie es Ihrem Administrator.",
    "5": "Die beiden Mailsysteme verstehen einander nicht. Sagen Sie es Ihrem Administrator.",
    "6": "Die Gegenseite kann mit der Form der Nachricht nicht umgehen. Senden Sie sie als reinen Text.",
    "7": "Die Gegenseite lehnt die Nachricht nach ihren Regeln ab. Ihre Antwort nennt vielleicht den Grund; sonst "
    "fragen Sie Ihren Administrator.",
}
_OTHERWISE_GERMAN = "Die Antwort der Gegenseite nennt vielleicht den Grund. Sonst fragen Sie Ihren Administrator."

_TABLES = {
    ENGLISH: (_EXACT_ENGLISH, _BY_SUBJECT_ENGLISH, _OTHERWISE_ENGLISH),
    "de": (_EXACT_GERMAN, _BY_SUBJECT_GERMAN, _OTHERWISE_GERMAN),
}


def advice(status: str, language: str = ENGLISH) -> str:
    """One or two sentences for the author of a message that failed with this enhanced code, e.g. ``5.1.1``."""
    exact, by_subject, otherwise = _TABLES.get(language, _TABLES[ENGLISH])
    match = _STATUS.match(status.strip())
    if not match:
        return otherwise
    subject, detail = match.group(2), match.group(3)
    return exact.get(f"{int(subject)}.{int(detail)}") or by_subject.get(subject, otherwise)
