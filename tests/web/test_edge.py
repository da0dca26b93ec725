"""What holds for every answer: headers, limits, errors, static files, streams, sizes, the end."""

from __future__ import annotations

import contextlib  # trial takes a global named suppress for its own
import gzip
import json
import re
import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.event import Toast
from tests.web.case import WebCase
from tests.web.client import Tail
from tests.web.house import ALICE, BOB, NOON, WEBROOT

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""As docs/webmail says."""


class HeaderTests(WebCase):
    """Every answer is safe to show."""

    async def test_everywhere(self) -> None:
        """Policy, nosniff, referrer, isolation, no caching: on pages, redirects, refusals and errors alike."""
        stranger = self.house.client()
        for client, path in (
            (stranger, "/login"),
            (stranger, "/mail/inbox"),
            (stranger, "/events"),
            (stranger, "/healthz"),
            (stranger, "/s/000000000000/mail.css"),
            (stranger, "/%ff%fe"),
            (self.alice, "/mail/inbox"),
            (self.alice, "/mail/compose"),
            (self.alice, "/mail/inbox/since?seq=0"),
            (self.alice, "/mail/inbox/t/none"),
            (self.alice, "/mail/act"),
        ):
            answer = await client.get(path)
            self.assertEqual(answer.header("content-security-policy"), PAGE_POLICY, path)
            for name, value in {
                "x-content-type-options": "nosniff",
                "referrer-policy": "same-origin",
                "cross-origin-opener-policy": "same-origin",
                "cross-origin-resource-policy": "same-origin",
                "cache-control": "no-store",
            }.items():
                self.assertEqual(answer.header(name), value, (path, name))
            self.assertIn("camera=()", answer.header("permissions-policy"))
            self.assertNotIn("Twisted", answer.header("server"))

    async def test_cross_site(self) -> None:
        """A form of another site does nothing; our own and one from no browser work."""
        filed = await self.house.mail(ALICE, "Stay")
        form = {"do": "star", "folder": "inbox", "id": filed.conversation}
        for headers, code in (
            ({"Sec_Fetch_Site": "cross-site", "Origin": "https://evil.example"}, 403),
            ({"Sec_Fetch_Site": "same-site"}, 403),
            ({"Origin": "https://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Sec_Fetch_Site": "same-origin"}, 303),
            ({"Origin": self.alice.origin}, 303),
            ({}, 303),
        ):
            self.assertEqual((await self.alice.post("/mail/act", form, **headers)).code, code, headers)
        for path in ("/login", "/logout", "/mail/send"):
            answer = await self.alice.post(path, {}, Sec_Fetch_Site="cross-site")
            self.assertEqual(answer.code, 403, path)
        self.assertEqual((await self.alice.get("/mail/inbox")).code, 200)


class ErrorTests(WebCase):
    """When something does not work."""

    async def test_methods(self) -> None:
        """A wrong method is told which are right."""
        answer = await self.alice.post("/mail/inbox", {})
        self.assertEqual(answer.code, 405)
        self.assertEqual(answer.header("allow"), "GET, HEAD")

    async def test_our_fault(self) -> None:
        """500 with an id that is in the log once; nothing of the error is shown."""

        async def broken(*_: object) -> None:
            raise RuntimeError("secret detail")

        self.patch(self.house.messages, "page", broken)
        answer = await self.alice.get("/mail/inbox")
        self.assertEqual(answer.code, 500)
        found = re.search(r'Reference <code class="mono">([0-9a-f]{10})<', answer.text)
        assert found
        self.assertNotIn("secret detail", answer.text)
        errors = self.flushLoggedErrors(RuntimeError)
        self.assertEqual(len(errors), 1)

    async def test_store_away(self) -> None:
        """503 with words and when to come again; a script gets it as a message to pop up."""

        async def away(*_: object) -> None:
            raise StoreUnavailable("locked")

        self.patch(self.house.messages, "seq", away)
        answer = await self.alice.get("/mail/inbox")
        self.assertEqual((answer.code, answer.header("retry-after")), (503, "30"))
        self.assertIn("The mail store is not available, try again later.", answer.text)
        self.assertNotIn("locked", answer.text)
        self.patch(self.house.messages, "messages", away)
        filed = await self.house.mail(ALICE, "x")
        answer = await self.alice.get(f"/mail/inbox/t/{filed.conversation}", HX_Request="true")
        self.assertEqual(answer.code, 503)
        self.assertIn('<hx-partial hx-target="#toasts"', answer.text)
        self.assertIn('role="alert"', answer.text)

    async def test_unreadable_address(self) -> None:
        """A path or host that is no text is a bad request, not a fault."""
        for path in ("/%ff", "/mail/%c3%28", "/mail/inbox/t/%00"):
            self.assertIn((await self.alice.get(path)).code, (400, 404), path)
        for host in ("\xff", "a" * 70 + ".example", "[::"):
            raw = await deferToThread(self.raw, f"GET /login HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
            self.assertRegex(raw, rb"\AHTTP/1.1 (200|400) ")

    async def test_too_large(self) -> None:
        """413 for a body beyond the limit, said before it is read; chunks are counted."""
        head = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        raw = await deferToThread(self.raw, head + f"Content-Length: {3 * 1024 * 1024}\r\n\r\n")
        self.assertRegex(raw, rb"\AHTTP/1.1 413 ")
        chunk = "10000\r\n" + "a" * 65536 + "\r\n"
        raw = await deferToThread(self.raw, head + "Transfer-Encoding: chunked\r\n\r\n" + chunk * 40)
        self.assertRegex(raw, rb"\AHTTP/1.1 413 ")

    def raw(self, request: str) -> bytes:
        """What the server says to these octets until it closes."""
        with socket.create_connection(("127.0.0.1", self.house.port), 10) as link:
            heard = b""
            with contextlib.suppress(ConnectionError):  # the server need not read all of it
                link.sendall(request.encode("latin-1"))
            with contextlib.suppress(ConnectionError):
                while more := link.recv(65536):
                    heard += more
            return heard


class AssetTests(WebCase):
    """/s/<hash>/…"""

    async def prefix(self) -> str:
        found = re.search(r'href="(/s/[0-9a-f]{12})/mail\.css"', (await self.house.client().get("/login")).text)
        assert found
        return found.group(1)

    async def test_served(self) -> None:
        """As they are in the tree, with their type, for ever; compressed when the browser can."""
        prefix = await self.prefix()
        for name, path, kind in (
            ("mail.css", "static/mail.css", "text/css; charset=utf-8"),
            ("app.mjs", "static/app.mjs", "text/javascript; charset=utf-8"),
            ("icon.svg", "static/icon.svg", "image/svg+xml; charset=utf-8"),
            ("vendor/htmx.min.js", "vendor/htmx.min.js", "text/javascript; charset=utf-8"),
        ):
            content = (WEBROOT / path).read_bytes()
            plain = await self.alice.get(f"{prefix}/{name}")
            packed = await self.alice.get(f"{prefix}/{name}", Accept_Encoding="gzip")
            self.assertEqual(plain.content, content)
            self.assertEqual(gzip.decompress(packed.content), content)
            for answer in (plain, packed):
                self.assertEqual(answer.header("content-type"), kind)
                self.assertEqual(answer.header("cache-control"), "public, max-age=31536000, immutable")
                self.assertEqual(answer.header("vary").lower(), "accept-encoding")
        manifest = await self.alice.get(f"{prefix}/app.webmanifest")
        self.assertEqual(json.loads(manifest.text)["name"], "alpha.example mail")

    async def test_other_version(self) -> None:
        """A page from before an upgrade gets the file of today, and does not keep it."""
        answer = await self.alice.get("/s/000000000000/mail.css")
        self.assertEqual((answer.code, answer.header("cache-control")), (200, "no-store"))

    async def test_nothing_else(self) -> None:
        """Other files, ways out of the folder."""
        prefix = await self.prefix()
        for path in (
            f"{prefix}/",
            f"{prefix}/none.css",
            f"{prefix}/vendor/vendor.toml",
            f"{prefix}/vendor/LICENSE.htmx",
            f"{prefix}/../templates/login.html",
            f"{prefix}/..%2ftemplates%2flogin.html",
            f"{prefix}/%2e%2e/%2e%2e/setup.cfg",
            f"{prefix}//etc/passwd",
            f"{prefix}/static/mail.css",
        ):
            self.assertEqual((await self.alice.get(path)).code, 404, path)


class HealthTests(WebCase):
    """GET /healthz"""

    async def test_states(self) -> None:
        """200 when every part is up, else 503 naming the part that is not."""
        client = self.house.client()
        answer = await client.get("/healthz")
        self.assertEqual((answer.code, answer.header("content-type")), (200, "application/json"))
        self.assertEqual(json.loads(answer.text), {"status": "ok", "parts": {"store": "ok", "redis": "ok"}})
        self.house.parts = {"store": "ok", "redis": "does not answer"}
        answer = await client.get("/healthz")
        self.assertEqual(answer.code, 503)
        self.assertEqual(json.loads(answer.text)["parts"]["redis"], "does not answer")
        self.assertIn("redis", json.loads(answer.text)["status"])


class MetricsTests(WebCase):
    """GET /metrics"""

    async def test_only_for_this_machine(self) -> None:
        """A client on loopback reads the figures; what came through a proxy is told nothing."""
        client = self.house.client()
        answer = await client.get("/metrics")
        self.assertEqual((answer.code, answer.text), (200, "mailsuite_figures 1\n"))
        self.assertTrue((answer.header("content-type") or "").startswith("text/plain; version=0.0.4"))
        answer = await client.get("/metrics", X_Forwarded_For="203.0.113.4")
        self.assertEqual(answer.code, 404)


class EventTests(WebCase):
    """GET /events over a real connection"""

    async def listen(self) -> Tail:
        response = await self.alice.open("GET", "/events")
        self.assertEqual(response.code, 200)
        self.assertEqual(response.headers.getRawHeaders("x-accel-buffering"), ["no"])
        self.assertIsNone(response.headers.getRawHeaders("content-encoding"))
        tail = Tail()
        response.deliverBody(tail)
        await tail.until(b"retry: 2000\n\n", reactor)
        return tail

    async def test_mail_arrives(self) -> None:
        """Filing a message reaches the browser, with no word of it; another account's does not."""
        tail = await self.listen()
        await self.house.mail(BOB, "For Bob")
        filed = await self.house.mail(ALICE, "Secret subject")
        await tail.until(b'event: changed\ndata: {"folder": "inbox", "seq": %d}\n\n' % filed.seq, reactor)
        self.assertEqual(tail.heard.count(b"event:"), 2)  # the first has the page look
        self.assertNotIn(b"Secret", tail.heard)
        tail.stop()

    async def test_toast(self) -> None:
        """A short text is shown at once."""
        tail = await self.listen()
        await self.house.events.publish(Toast(self.house.id_of(ALICE), "Not delivered", "c"))
        await tail.until(b'event: toast\ndata: {"text": "Not delivered", "conversation": "c"}\n\n', reactor)
        tail.stop()

    async def test_logout_ends(self) -> None:
        """Signing out anywhere in this browser ends the stream with bye."""
        tail = await self.listen()
        await self.alice.post("/logout", {})
        await tail.ended.addTimeout(5, reactor)
        self.assertTrue(tail.heard.endswith(b"event: bye\ndata: {}\n\n"))

    async def test_drain(self) -> None:
        """When the daemon stops, streams end at once and a request under way is finished."""
        tail = await self.listen()
        filed = await self.house.mail(ALICE, "x")
        release: Deferred[None] = Deferred()
        began: Deferred[None] = Deferred()
        real = self.house.messages.messages

        async def slow(*arguments: Any) -> Any:
            began.callback(None)
            await release
            return await real(*arguments)

        self.patch(self.house.messages, "messages", slow)
        asked = Deferred.fromCoroutine(self.alice.get(f"/mail/inbox/t/{filed.conversation}"))
        await began
        assert self.house.site
        drained = Deferred.fromCoroutine(self.house.site.drain(5))
        await tail.ended.addTimeout(5, reactor)
        self.assertFalse(drained.called)
        release.callback(None)
        self.assertEqual((await asked).code, 200)
        await drained

    async def test_drain_gives_up(self) -> None:
        """A request that does not end is cut off."""
        stuck: Deferred[None] = Deferred()
        began: Deferred[None] = Deferred()

        async def slow(*_: object) -> None:
            began.callback(None)
            await stuck

        self.patch(self.house.messages, "seq", slow)
        asked = Deferred.fromCoroutine(self.alice.get("/mail/inbox"))
        asked.addErrback(lambda _: "cut off")
        await began
        assert self.house.site
        await self.house.site.drain(0.05)
        self.assertEqual(await asked, "cut off")

    async def test_hang_up_while_sending(self) -> None:
        """What was begun to be sent is sent, though the browser goes away meanwhile."""
        release: Deferred[None] = Deferred()
        began: Deferred[None] = Deferred()
        real = self.house.queue.accept

        async def slow(submission: Any) -> Any:
            began.callback(None)
            await release
            return await real(submission)

        self.patch(self.house.queue, "accept", slow)
        asked = Deferred.fromCoroutine(self.alice.post("/mail/send", {"to": BOB, "subject": "x", "text": "x"}))
        asked.addErrback(lambda _: None)
        await began
        asked.cancel()
        assert self.house.site
        while self.house.site._busy:  # until the server has heard of it
            await deferLater(reactor, 0.01)
        release.callback(None)
        while not self.house.queue.accepted:
            await deferLater(reactor, 0.01)


class BudgetTests(WebCase):
    """Sizes that a slow link can bear (design: webmail, section 5)."""

    async def test_first_page(self) -> None:
        """HTML of 50 rows at most 8 KiB, all of the first page at most 60, script 25, style 10, icons 5 (gzip)."""
        people = ("Ada Moreau", "Jonas Weber", "Priya Raman", "Marta Kowalska", "Tom Okafor", "Lena Fischer")
        words = ["invoice", "review", "agenda", "release", "notes", "server", "migration", "backup", "report", "summer"]
        for n in range(60):
            name, some = people[n % 6], [words[(n * 7 + k * (n + 3)) % len(words)] for k in range(12)]
            await self.house.mail(
                ALICE,
                " ".join(some[:4]).capitalize(),
                " ".join(some) + f" {n}",
                fields={"From": f"{name} <{name.split()[0].lower()}@remote.example>"},
                at=NOON - n * 3_700_000,
                seen=n % 5 > 0,
            )
        page = await self.alice.get("/mail/inbox", Accept_Encoding="gzip")
        self.assertEqual(page.text.count('<li class="row'), 50)
        self.assertLessEqual(len(page.content), 8 * 1024)
        total = len(page.content)
        sizes: dict[str, int] = {}
        for url in set(re.findall(r'(?:href|src)="(/s/[^"#]+)', page.text)):
            answer = await self.alice.get(url, Accept_Encoding="gzip")
            self.assertEqual(answer.code, 200, url)
            sizes[url.split("/", 3)[3]] = len(answer.content)
        for module in ("live.mjs", "reader.mjs"):
            self.assertIn(module, sizes)  # what app.mjs imports is announced
        total += sum(sizes.values())
        self.assertLessEqual(total, 60 * 1024, sizes)
        self.assertLessEqual(sum(size for name, size in sizes.items() if name.endswith("js")), 25 * 1024, sizes)
        self.assertLessEqual(sizes["mail.css"], 10 * 1024)
        self.assertLessEqual(sizes["vendor/icons.svg"], 5 * 1024)
        self.assertLessEqual(len(sizes) + 2, 10)  # with the page itself and the stream
