"""What a person can do about a failed delivery, in words, by its enhanced status code (RFC 3463, RFC 7372)."""

from __future__ import annotations

import re

_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\Z")

_EXACT = {
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
_BY_SUBJECT = {
    "1": "Check the address for mistakes, or ask the recipient for the right one.",
    "2": "The recipient's mailbox cannot take the message now. Tell the recipient by another way.",
    "3": "The other side's mail system cannot take this message. Try again later, or send less.",
    "4": "The other side could not be reached. Try again later; if it persists, tell your administrator.",
    "5": "The two mail systems do not understand each other. Tell your administrator.",
    "6": "The other side cannot handle the form of this message. Send it as plain text or in another format.",
    "7": "The other side refuses the message by its rules. Its answer may say why; otherwise tell your administrator.",
}
_OTHERWISE = "The answer of the other side may say why. If it does not help, tell your administrator."


def advice(status: str) -> str:
    """One or two sentences for the author of a message that failed with this enhanced code, e.g. ``5.1.1``."""
    match = _STATUS.match(status.strip())
    if not match:
        return _OTHERWISE
    subject, detail = match.group(2), match.group(3)
    return _EXACT.get(f"{int(subject)}.{int(detail)}") or _BY_SUBJECT.get(subject, _OTHERWISE)
