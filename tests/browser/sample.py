"""The mail of the design's pictures, filed into a house."""

from __future__ import annotations

from typing import Any

from tests.web.house import ALICE, NOON, House

MINUTE = 60_000

_ROWS = """\
31 unread file | Priya Raman | Signed contract — Nordlicht GmbH
Both signatures are in. The PDF and the cover letter are attached, originals follow by post.
58 file | Deutsche Bahn | Ihre Buchung Hamburg Hbf → Berlin Hbf
Vielen Dank für Ihre Buchung. Ihr Ticket für ICE 707 am 28. November finden Sie im Anhang.
127 star | Marta Kowalska | Re: Typeface licence for the new site
Perfect, then let us keep system fonts. Zero bytes is hard to beat.
291 file | Tom Okafor | Photos from the harbour walk
Here are the twelve I liked best. The one with the crane is for the wall!
1290 | status@hetzner.example | Maintenance announcement: FSN1-DC14
We will replace a power distribution unit on 2 December between 03:00 and 05:00 CET.
1420 | Lena Fischer | Board offsite: rooms and trains
Sofia: I can take the early train and pick up the keys, no problem at all.
1505 file | Kenji Sato | 議事録 11月24日 / Minutes 24 November
お疲れ様です。本日の議事録をお送りします。Minutes in English below.
1650 star | نور حداد | مراجعة العقد قبل نهاية الأسبوع
مرحبا، أرفقت النسخة الأخيرة من العقد. هل يمكنك إلقاء نظرة عليها؟
3000 | Hugo Martin | Ticket renewal certificate booking
Report summer server lunch contract.
4000 unread | Clara Nunes | Parcel survey roadmap
Digest onboarding office flight newsletter.
""".splitlines()
"""Two lines each: minutes ago and marks, who, subject; then the text."""

PLAN = """\
<p>Hi Mira, hi Jonas,</p><p>the cut-over is on <b>Saturday, 28 November</b>. I moved the greylist window to
07:00&nbsp;UTC, so that the first retries of the big senders fall into the quiet hour. The run-book is attached; the
part that worries me is the order of the DNS changes:</p>
<table><tr><th>When (UTC)</th><th>Record</th><th>Change</th></tr>
<tr><td>Thu 20:00</td><td>mx2 A, AAAA</td><td>TTL 3600 → 300</td></tr><tr><td>Sat 07:00</td><td>MX 20</td>
<td>point to the new machine</td></tr></table><p>Could you check it before Friday? If we have to roll back,
<a href="https://wiki.example.org/mx2">the wiki page</a> has the two commands.</p><p>Ada</p>
<img src="https://evil.example/a.gif"><img src="https://evil.example/b.gif">"""


def _with_file(text: str, name: str, kind: str, octets: int) -> tuple[dict[str, str], str]:
    """Fields and body of a message with an attachment."""
    body = (
        f"--b\r\nContent-Type: text/{'html' if text.startswith('<') else 'plain'}; charset=utf-8\r\n\r\n{text}\r\n"
        f'--b\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\n{"x" * octets}\r\n'
        "--b--\r\n"
    )
    return {"MIME-Version": "1.0", "Content-Type": 'multipart/mixed; boundary="b"'}, body


async def fill(house: House) -> str:
    """File it all; the id of the conversation about the cut-over."""
    account = house.id_of(ALICE)
    for line, text in zip(_ROWS[::2], _ROWS[1::2], strict=True):
        marks, who, subject = (part.strip() for part in line.split("|"))
        at = NOON - int(marks.split()[0]) * MINUTE
        author = f"<{who}>" if "@" in who else f'"{who}" <{who.split()[0].lower()}@remote.example>'
        fields, body = _with_file(text, "file.pdf", "application/pdf", 2000) if "file" in marks else ({}, text)
        fields["From"] = author
        filed = await house.mail(ALICE, subject, body, fields=fields, at=at, seen="unread" not in marks)
        if "star" in marks:
            await house.changer.act(account, "star", [filed.conversation], "inbox")
    thread: list[tuple[str, str, int]] = [
        ("Alice Bell <alice@alpha.example>", "Saturday works for me. Who holds the pager between six and eight?", 2680),
        ("Jonas Weber <jonas@weber.example>", "I can, if needed.", 2000),
        ("Ada Moreau <ada@moreau.example>", "Thank you both.", 1900),
        ("Alice Bell <alice@alpha.example>", "Fine.", 1800),
        (
            "Jonas Weber <jonas@weber.example>",
            "I can take the pager. The old MX keeps its queue for a week anyway.",
            208,
        ),
    ]
    for n, (author, text, ago) in enumerate(thread):
        own = author.startswith("Alice")
        fields = {"From": author, "Message-ID": f"<c{n}@x.example>", "References": "<c0@x.example>"}
        await house.mail(
            ALICE,
            "Cut-over plan for mx2 on Saturday",
            text,
            fields=fields,
            at=NOON - ago * MINUTE,
            seen=True,
            folder="sent" if own else "inbox",
            own=own,
        )
    fields, body = _with_file(PLAN, "mx2-cutover-runbook.pdf", "application/pdf", 412_000)
    fields |= {
        "From": "Ada Moreau <ada@moreau.example>",
        "To": "Alice <alice@alpha.example>, Jonas <jonas@weber.example>",
    }
    fields |= {"Message-ID": "<c9@x.example>", "References": "<c0@x.example>"}
    more: dict[str, Any] = {"fields": fields, "at": NOON - 6 * MINUTE}
    filed = await house.mail(ALICE, "Cut-over plan for mx2 on Saturday", body, **more)
    await house.changer.act(account, "star", [filed.conversation], "inbox")
    return filed.conversation
