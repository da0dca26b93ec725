"""Lists, conversations, parts, and what is done to them."""

from __future__ import annotations

import re

from mailsuite.model.folder import ARCHIVE, INBOX, SENT, STARRED, TRASH
from tests.web.case import WebCase
from tests.web.house import ALICE, BOB, NOON

MINUTE = 60_000
REPORT = (
    b"From: Mail Delivery System <mailer-daemon@mx.alpha.example>\r\nTo: alice@alpha.example\r\n"
    b"Subject: Undelivered: Numbers\r\nMessage-ID: <n1@mx.alpha.example>\r\nAuto-Submitted: auto-replied\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nYour message was not delivered.\r\n"
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.alpha.example\r\n\r\n"
    b"Final-Recipient: rfc822; rossi@remote.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    b"Remote-MTA: dns; mx.remote.example\r\n"
    b"Diagnostic-Code: smtp; 550 5.1.1 <rossi@remote.example>: user unknown & <b>gone</b>\r\n\r\n"
    b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: Numbers\r\n\r\n--b--\r\n"
)
PICTURE = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
RICH = (
    b"From: Eve <eve@evil.example>\r\nTo: alice@alpha.example\r\nSubject: Rich\r\nMessage-ID: <r1@evil.example>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\n'
    b'Content-Type: multipart/related; boundary="r"\r\n\r\n--r\r\nContent-Type: text/html; charset=utf-8\r\n\r\n'
    b'<p onclick=x()>Look: <img src="cid:pic@evil"><img src="https://evil.example/track.gif"></p>'
    b"<script>alert(1)</script>\r\n--r\r\nContent-Type: image/png\r\nContent-ID: <pic@evil>\r\n"
    b'Content-Disposition: inline; filename="pic.png"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ\r\n--r--\r\n--m\r\n"
    b'Content-Type: text/html\r\nContent-Disposition: attachment; filename="../evil \xc3\xa4.html"\r\n\r\n'
    b"<script>alert(2)</script>\r\n--m\r\nContent-Type: image/svg+xml\r\n"
    b'Content-Disposition: attachment; filename="x.svg"\r\n\r\n<svg onload="alert(3)"/>\r\n--m--\r\n'
)


def rows_of(text: str) -> list[str]:
    """The ids of the rows of a list."""
    return re.findall(r'<li class="row[^"]*" id="t([0-9a-z]+)"', text)


class ListTests(WebCase):
    """/mail/<folder> and its rows."""

    async def test_row(self) -> None:
        """Who, what, when, unread, and the counts in side bar, heading and title."""
        await self.house.mail(ALICE, "Cut-over plan", "I moved the window.", at=NOON - 6 * MINUTE)
        text = (await self.alice.get("/mail/inbox", Accept_Language="en-GB")).text
        self.assertRegex(text, r'<li class="row unread"')
        self.assertIn("Ann Rule</b>", text)
        self.assertIn('<span class="t trunc" dir="auto">Cut-over plan</span>', text)
        self.assertIn("I moved the window.", text)
        self.assertRegex(text, r"<time[^>]*>12:36</time>")
        self.assertIn("<title>(1) Inbox · alpha.example</title>", text)
        self.assertIn('id="unread">1<', text)
        self.assertIn('id="unread-note">1 unread<', text)
        self.assertIn(">Today<", text)

    async def test_escaped(self) -> None:
        """Nothing of a message is markup in the page."""
        await self.house.mail(
            ALICE, "<script>alert(1)</script>", "<b>x</b>", fields={"From": '"<img src=x>" <a@b.example>'}
        )
        text = (await self.alice.get("/mail/inbox")).text
        self.assertNotIn("<script>alert", text)
        self.assertNotIn("<img", text)
        self.assertIn("&lt;script&gt;alert(1)&lt;/script&gt;", text)

    async def test_every_folder(self) -> None:
        """The standard folders and starred are there, empty ones say so, others are not found."""
        for folder in ("inbox", "starred", "sent", "drafts", "archive", "spam", "trash"):
            answer = await self.alice.get(f"/mail/{folder}")
            self.assertEqual(answer.code, 200, folder)
            self.assertRegex(answer.text, rf'href="/mail/{folder}" aria-current="page"')
        for path in ("/mail/nothing", "/mail/INBOX", "/mail/inbox/", "/mail/inbox/t/", "/nothing"):
            self.assertEqual((await self.alice.get(path)).code, 404, path)

    async def test_pages(self) -> None:
        """Following the list to its end shows each row once, newest first, without and with a script."""
        for n in range(120):
            await self.house.mail(ALICE, f"Number {n}", at=NOON - n // 3 * MINUTE)
        plain: list[str] = []
        path = "/mail/inbox"
        while path:
            text = (await self.alice.get(path)).text
            plain += rows_of(text)
            found = re.search(r'<li class="more".*?<a [^>]*href="([^"]+)"', text)
            path = found.group(1).replace("&amp;", "&") if found else ""
        self.assertEqual(len(plain), 120)
        self.assertEqual(len(set(plain)), 120)
        text = (await self.alice.get("/mail/inbox")).text
        scrolled = rows_of(text)
        while found := re.search(r'hx-get="([^"]+/rows[^"]+)"', text):
            text = (await self.alice.get(found.group(1).replace("&amp;", "&"), HX_Request_Type="partial")).text
            self.assertNotIn("<html", text)
            scrolled += rows_of(text)
        self.assertEqual(scrolled, plain)

    async def test_long_list(self) -> None:
        """After a thousand rows the list grows no more by itself: a link leads on."""
        for n in range(51):
            await self.house.mail(ALICE, f"Number {n}")
        text = (await self.alice.get("/mail/inbox/rows?n=950")).text
        self.assertIn('<li class="more"><a', text)
        self.assertIn("hx-get", (await self.alice.get("/mail/inbox/rows?n=900")).text)

    async def test_nonsense_cursor(self) -> None:
        """A cursor that cannot be is no error."""
        for query in ("at=x&id=y", "at=-1&id=", "at=" + "9" * 50 + "&id=z", "id=%00%ff"):
            self.assertEqual((await self.alice.get(f"/mail/inbox?{query}")).code, 200, query)

    async def test_reader_fragment(self) -> None:
        """A folder as a fragment is the reader with nothing open."""
        answer = await self.alice.get("/mail/inbox", HX_Request="true", HX_Request_Type="partial")
        self.assertTrue(answer.text.strip().startswith('<section class="reader"'))
        self.assertIn("Nothing open", answer.text)
        self.assertIn("HX-Request-Type", answer.header("vary"))


class SinceTests(WebCase):
    """/mail/<folder>/since"""

    async def since(self, seq: str, folder: str = INBOX, more: str = "") -> str:
        return (await self.alice.get(f"/mail/{folder}/since?seq={seq}&day=2026-11-25{more}")).text

    def seq_of(self, text: str) -> str:
        found = re.search(r'id="seq" value="(\d+)"', text)
        assert found, text
        return found.group(1)

    async def test_new_row(self) -> None:
        """What came after the page was made, and only that; the counts; the seq reached."""
        await self.house.mail(ALICE, "Old")
        seq = self.seq_of((await self.alice.get("/mail/inbox")).text)
        filed = await self.house.mail(ALICE, "New")
        text = await self.since(seq)
        self.assertEqual(rows_of(text), [filed.conversation])
        self.assertIn('<hx-partial hx-target="#rows" hx-swap="place">', text)
        self.assertIn('id="unread">2<', text)
        self.assertIn("<title>(2) Inbox · alpha.example</title>", text)
        again = await self.since(self.seq_of(text))
        self.assertEqual(rows_of(again), [])
        self.assertEqual(self.seq_of(again), self.seq_of(text))

    async def test_gone(self) -> None:
        """A row that left is taken away."""
        filed = await self.house.mail(ALICE, "Away")
        seq = self.seq_of((await self.alice.get("/mail/inbox")).text)
        await self.alice.post("/mail/act", {"do": "archive", "id": filed.conversation, "folder": INBOX})
        text = await self.since(seq)
        self.assertIn(f'<hx-partial hx-target="#t{filed.conversation}" hx-swap="gone"></hx-partial>', text)
        self.assertEqual(rows_of(text), [])
        self.assertIn('id="unread"><', text)

    async def test_new_day(self) -> None:
        """After midnight the headings are wrong, so the list is given anew."""
        filed = await self.house.mail(ALICE, "Yesterday's")
        self.house.now += 86_400_000
        text = await self.since("999999")
        self.assertIn('<hx-partial hx-target="#rows" hx-swap="innerHTML">', text)
        self.assertEqual(rows_of(text), [filed.conversation])
        self.assertIn(">Yesterday<", text)

    async def test_open_conversation(self) -> None:
        """A later message of the open conversation is added to it."""
        first = await self.house.mail(ALICE, "Talk", fields={"Message-ID": "<talk@remote.example>"})
        reply = await self.house.mail(ALICE, "Re: Talk", fields={"In-Reply-To": "<talk@remote.example>"})
        text = await self.since("0", more=f"&t={first.conversation}&m={first.message}")
        self.assertIn('<hx-partial hx-target="#msgs" hx-swap="beforeend">', text)
        self.assertIn(f'src="/mail/m/{reply.message}/body"', text)
        self.assertNotIn(f'src="/mail/m/{first.message}/body"', text)
        text = await self.since("0", more=f"&t={first.conversation}&m={reply.message},{first.message}")
        self.assertNotIn("#msgs", text)

    async def test_other_folder(self) -> None:
        """In another folder the counts follow too."""
        seq = self.seq_of((await self.alice.get("/mail/sent")).text)
        await self.house.mail(ALICE, "For the inbox")
        text = await self.since(seq, SENT)
        self.assertEqual(rows_of(text), [])
        self.assertIn('id="unread">1<', text)


class ConversationTests(WebCase):
    """/mail/<folder>/t/<id> and /mail/m/…"""

    async def test_page_and_fragment(self) -> None:
        """With and without the list around it; text, sender, frame."""
        filed = await self.house.mail(ALICE, "Talk", "Hi Alice")
        path = f"/mail/inbox/t/{filed.conversation}"
        page = await self.alice.get(path)
        fragment = await self.alice.get(path, HX_Request_Type="partial", Accept_Encoding="gzip")
        self.assertIn('id="rows"', page.text)
        self.assertNotIn('id="rows"', fragment.text)
        self.assertLess(len(fragment.content), 3 * 1024)
        for text in (page.text, fragment.text):
            self.assertIn("ann@remote.example", text)
            self.assertIn(f'src="/mail/m/{filed.message}/body"', text)
            self.assertRegex(
                text, r'<iframe title="Message from Ann Rule"[^>]* sandbox="allow-same-origin allow-popups'
            )
            self.assertNotIn("allow-scripts", text)

    async def test_opening_changes_nothing(self) -> None:
        """Reading a page leaves the mail unread; a POST marks it."""
        filed = await self.house.mail(ALICE, "Talk")
        await self.alice.get(f"/mail/inbox/t/{filed.conversation}")
        self.assertEqual((await self.house.messages.counters(self.house.id_of(ALICE)))[INBOX].unread, 1)
        answer = await self.alice.post(
            "/mail/act", {"do": "read", "id": filed.conversation, "folder": INBOX}, HX_Request="true"
        )
        self.assertEqual((answer.code, answer.content), (204, b""))
        self.assertEqual((await self.house.messages.counters(self.house.id_of(ALICE)))[INBOX].unread, 0)

    async def test_folding(self) -> None:
        """Of five messages read, the middle two are folded, the last is open; unread ones are open and not folded."""
        filed = None
        for n in range(5):
            fields = {"Message-ID": f"<{n}@x.example>", "References": " ".join(f"<{m}@x.example>" for m in range(n))}
            filed = await self.house.mail(ALICE, "Talk", fields=fields, seen=True, at=NOON + n)
        assert filed
        text = (await self.alice.get(f"/mail/inbox/t/{filed.conversation}", HX_Request_Type="partial")).text
        self.assertIn("2 more messages", text)
        self.assertEqual(re.findall(r'<details class="msg"[^>]* (open)>', text), ["open"])
        await self.alice.post("/mail/act", {"do": "unread", "id": filed.conversation, "folder": INBOX})
        text = (await self.alice.get(f"/mail/inbox/t/{filed.conversation}", HX_Request_Type="partial")).text
        self.assertNotIn("more messages", text)
        self.assertEqual(len(re.findall(r'<details class="msg"[^>]* (open)>', text)), 5)

    async def test_bounce(self) -> None:
        """A failed delivery shows who was not reached, what was said, and what to do."""
        filed = await self.house.file(self.house.id_of(ALICE), REPORT, sender="")
        text = (await self.alice.get(f"/mail/inbox/t/{filed.conversation}", HX_Request_Type="partial")).text
        self.assertIn("Not delivered", text)
        self.assertIn("rossi@remote.example", text)
        self.assertIn("550 5.1.1 &lt;rossi@remote.example&gt;: user unknown &amp; &lt;b&gt;gone&lt;/b&gt;", text)
        self.assertIn("Check its spelling", text)

    async def test_delay(self) -> None:
        """A delay is no failure: it says so, and asks for nothing."""
        report = REPORT.replace(b"Action: failed", b"Action: delayed").replace(b"Status: 5.", b"Status: 4.")
        self.assertNotEqual(report, REPORT)
        filed = await self.house.file(self.house.id_of(ALICE), report, sender="")
        text = (await self.alice.get(f"/mail/inbox/t/{filed.conversation}", HX_Request_Type="partial")).text
        self.assertIn("Delayed, still trying", text)
        self.assertIn('data-action="delayed"', text)
        self.assertNotIn("Not delivered", text)
        self.assertNotIn("Check its spelling", text)

    async def test_body(self) -> None:
        """The frame's document has its own policy, the mail's text, no script, no remote picture; pictures by cid."""
        filed = await self.house.file(self.house.id_of(ALICE), RICH)
        answer = await self.alice.get(f"/mail/m/{filed.message}/body")
        self.assertEqual(
            answer.header("content-security-policy"),
            "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
            f"style-src 'unsafe-inline'; img-src data: {self.alice.origin}/mail/m/; font-src data:; "
            "form-action 'none'; base-uri 'none'; frame-ancestors 'self'",
        )
        self.assertEqual(answer.header("referrer-policy"), "no-referrer")
        self.assertIn("Look:", answer.text)
        for bad in ("<script", "onclick", "evil.example/track"):
            self.assertNotIn(bad, answer.text)
        self.assertIn("1 remote image blocked", answer.text)
        found = re.search(r'<img[^>]*src="(/mail/m/[^"]+)"', answer.text)
        assert found
        picture = await self.alice.get(found.group(1))
        self.assertEqual((picture.code, picture.header("content-type")), (200, "image/png"))
        self.assertEqual(picture.content, PICTURE)

    async def test_plain_body(self) -> None:
        """Plain text is text."""
        filed = await self.house.mail(ALICE, "Plain", "1 < 2 & <script>alert(1)</script>")
        text = (await self.alice.get(f"/mail/m/{filed.message}/body")).text
        self.assertIn("1 &lt; 2 &amp; &lt;script&gt;", text)

    async def test_attachments(self) -> None:
        """Files are listed; they are saved, not shown, and a browser is told nothing that lets them run."""
        filed = await self.house.file(self.house.id_of(ALICE), RICH)
        text = (await self.alice.get(f"/mail/inbox/t/{filed.conversation}", HX_Request_Type="partial")).text
        self.assertIn("2 attachments", text)
        hrefs = re.findall(r'<a class="att" href="([^"]+)" download', text)
        self.assertEqual(len(hrefs), 2)
        for href, name in zip(hrefs, ("evil%20%C3%A4.html", "x.svg"), strict=True):
            self.assertTrue(href.endswith(f"/{name}"), href)
            answer = await self.alice.get(href)
            self.assertEqual(answer.code, 200)
            self.assertEqual(answer.header("content-type"), "application/octet-stream")
            self.assertEqual(answer.header("x-content-type-options"), "nosniff")
            self.assertTrue(answer.header("content-disposition").startswith("attachment; filename="))
            self.assertIn(f"filename*=UTF-8''{name}", answer.header("content-disposition"))
            self.assertTrue(answer.header("content-security-policy").startswith("sandbox; default-src 'none'"))

    async def test_unreadable(self) -> None:
        """A message that is no message is shown as it is."""
        filed = await self.house.file(self.house.id_of(ALICE), b"\x00\xff\xfe no header at all \x80<b>")
        page = await self.alice.get(f"/mail/inbox/t/{filed.conversation}")
        self.assertEqual(page.code, 200)
        body = await self.alice.get(f"/mail/m/{filed.message}/body")
        self.assertEqual(body.code, 200)
        self.assertIn("no header at all", body.text)

    async def test_ranges(self) -> None:
        """One range of a part, by the tag that it had (RFC 9110 sections 13.1.5 and 14)."""
        filed = await self.house.file(self.house.id_of(ALICE), RICH)
        path = f"/mail/m/{filed.message}/part/1.2/pic.png"
        whole = await self.alice.get(path)
        self.assertEqual((whole.code, whole.header("accept-ranges"), whole.content), (200, "bytes", PICTURE))
        tag = whole.header("etag") or ""
        self.assertRegex(tag, r'"[0-9a-f]{64}"\Z')
        size = len(PICTURE)
        for value, start, end in (("0-3", 0, 4), ("4-", 4, size), ("-5", size - 5, size), ("2-999", 2, size)):
            part = await self.alice.get(path, Range=f"bytes={value}", If_Range=tag)
            self.assertEqual((part.code, part.content), (206, PICTURE[start:end]), value)
            self.assertEqual(part.header("content-range"), f"bytes {start}-{end - 1}/{size}")
            self.assertEqual(part.header("content-type"), "image/png")
        for value in (f"bytes={size}-", "bytes=-0"):
            none = await self.alice.get(path, Range=value)
            self.assertEqual((none.code, none.header("content-range"), none.content), (416, f"bytes */{size}", b""))
        for fields in (
            {"Range": "bytes=0-3", "If_Range": '"other"'},
            {"Range": "bytes=0-3", "If_Range": f"W/{tag}"},
            {"Range": "bytes=0-3", "If_Range": "Wed, 25 Nov 2026 12:00:00 GMT"},
            {"Range": "bytes=0-1,3-4"},
            {"Range": "bytes=3-1"},
            {"Range": "pages=0-3"},
        ):
            answer = await self.alice.get(path, **fields)
            self.assertEqual((answer.code, answer.content), (200, PICTURE), fields)

    async def test_type_by_content(self) -> None:
        """A page that says it is a picture is octets; a picture that says it is a page is one."""
        for said, content, kind in (
            (b"image/png", b"<script>alert(1)</script>", "application/octet-stream"),
            (b"image/png", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "application/octet-stream"),
            (b"text/html", b"GIF89a...", "image/gif"),
            (b"application/octet-stream", b"%PDF-1.7 ...", "application/pdf"),
        ):
            raw = (
                b"From: eve@evil.example\r\nContent-Type: " + said + b"; name=x\r\n"
                b"Content-Disposition: attachment\r\n\r\n" + content + b"\r\n"
            )
            filed = await self.house.file(self.house.id_of(ALICE), raw)
            answer = await self.alice.get(f"/mail/m/{filed.message}/part/1/x")
            self.assertEqual((answer.code, answer.header("content-type")), (200, kind))
            self.assertIn("sandbox", answer.header("content-security-policy") or "")
            self.assertTrue((answer.header("content-disposition") or "").startswith("attachment;"))

    async def test_somebody_elses(self) -> None:
        """The ids of another account are not found, whatever is asked of them, and acts do nothing."""
        filed = await self.house.file(self.house.id_of(BOB), RICH)
        for path in (
            f"/mail/inbox/t/{filed.conversation}",
            f"/mail/m/{filed.message}/body",
            f"/mail/m/{filed.message}/part/1.2/pic.png",
            f"/mail/m/{filed.message}/part/2/x",
            f"/mail/compose?re={filed.message}&t={filed.conversation}",
        ):
            self.assertEqual((await self.alice.get(path)).code, 404, path)
        text = (await self.alice.get(f"/mail/inbox/since?seq=0&day=2026-11-25&t={filed.conversation}&m=x")).text
        self.assertNotIn(filed.message, text)
        before = await self.house.messages.page(self.house.id_of(BOB), INBOX, None, 50)
        for verb in ("archive", "trash", "read", "star"):
            await self.alice.post("/mail/act", {"do": verb, "id": filed.conversation, "folder": INBOX})
        self.assertEqual(await self.house.messages.page(self.house.id_of(BOB), INBOX, None, 50), before)
        answer = await self.alice.post("/mail/send", {"to": ALICE, "subject": "x", "text": "x", "re": filed.message})
        self.assertEqual(answer.code, 422)


class ActTests(WebCase):
    """POST /mail/act"""

    async def folder(self, name: str) -> list[str]:
        return [c.id for c in await self.house.messages.page(self.house.id_of(ALICE), name, None, 50)]

    async def test_moves_and_back(self) -> None:
        """Archive, trash and the way back; several at once."""
        ids = [(await self.house.mail(ALICE, f"Number {n}", at=NOON - n)).conversation for n in range(3)]
        form = [("do", "archive"), ("folder", INBOX), ("id", ids[0]), ("id", ids[1])]
        self.assertEqual((await self.alice.post("/mail/act", form, HX_Request="true")).code, 204)
        self.assertEqual((await self.folder(INBOX), await self.folder(ARCHIVE)), ([ids[2]], ids[:2]))
        await self.alice.post("/mail/act", {"do": "trash", "folder": ARCHIVE, "id": ids[0]})
        self.assertEqual((await self.folder(ARCHIVE), await self.folder(TRASH)), ([ids[1]], [ids[0]]))
        await self.alice.post("/mail/act", {"do": "inbox", "folder": TRASH, "id": ids[0]})
        self.assertEqual(await self.folder(INBOX), [ids[0], ids[2]])

    async def test_star(self) -> None:
        """A starred conversation is in the starred view, until the star is taken away."""
        filed = await self.house.mail(ALICE, "Gold")
        await self.alice.post("/mail/act", {"do": "star", "folder": INBOX, "id": filed.conversation})
        self.assertEqual(await self.folder(STARRED), [filed.conversation])
        self.assertIn('aria-pressed="true"', (await self.alice.get("/mail/inbox")).text)
        await self.alice.post("/mail/act", {"do": "unstar", "folder": STARRED, "id": filed.conversation})
        self.assertEqual(await self.folder(STARRED), [])

    async def test_plain_form(self) -> None:
        """Without a script the answer leads back to the folder."""
        filed = await self.house.mail(ALICE, "Away")
        answer = await self.alice.post("/mail/act", {"do": "trash", "folder": INBOX, "id": filed.conversation})
        self.assertEqual((answer.code, answer.header("location")), (303, "/mail/inbox"))

    async def test_nonsense(self) -> None:
        """What cannot be done is refused with a reason, and changes nothing."""
        filed = await self.house.mail(ALICE, "Stay")
        for form in (
            {"do": "explode", "folder": INBOX, "id": filed.conversation},
            {"do": "trash", "folder": "nowhere", "id": filed.conversation},
            {"do": "trash", "folder": INBOX},
            {"folder": INBOX, "id": filed.conversation},
            {},
        ):
            self.assertEqual((await self.alice.post("/mail/act", form)).code, 400, form)
        self.assertEqual(await self.folder(INBOX), [filed.conversation])
