"""Signing in and out, and what is closed without it."""

from __future__ import annotations

from hashlib import sha256

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from mailsuite.model.event import Bye
from tests.web.case import WebCase
from tests.web.house import ALICE, PASSWORD, House

WRONG = "The name or the password is wrong."


class LoginTests(WebCase):
    """POST /login, POST /logout."""

    async def test_right(self) -> None:
        """303 to the inbox with a cookie that scripts cannot read and other sites do not send."""
        client = self.house.client()
        answer = await client.post("/login", {"address": ALICE, "password": PASSWORD})
        self.assertEqual((answer.code, answer.header("location")), (303, "/mail/inbox"))
        cookies = answer.headers.getRawHeaders("set-cookie") or []
        self.assertEqual(len(cookies), 1)
        name, *attributes = [part.strip().lower() for part in cookies[0].split(";")]
        self.assertTrue(name.startswith("sid="))
        self.assertEqual(set(attributes), {"httponly", "samesite=lax", "path=/"})
        self.assertEqual((await client.get("/mail/inbox")).code, 200)

    async def test_wrong(self) -> None:
        """401 with the same words whether the name or the password is wrong, and no cookie."""
        client = self.house.client()
        wrong = await client.post("/login", {"address": ALICE, "password": PASSWORD + "x"})
        unknown = await client.post("/login", {"address": "nobody@alpha.example", "password": PASSWORD})
        for answer in (wrong, unknown):
            self.assertEqual(answer.code, 401)
            self.assertRegex(answer.text, rf'role="alert">.*{WRONG}')
            self.assertIsNone(answer.headers.getRawHeaders("set-cookie"))
        self.assertEqual(wrong.text.replace(ALICE, "x"), unknown.text.replace("nobody@alpha.example", "x"))
        self.assertNotIn(PASSWORD, wrong.text)

    async def test_throttled(self) -> None:
        """After ten failures 429, for the right password too; another account may still sign in."""
        client = self.house.client()
        for _ in range(10):
            self.assertEqual((await client.post("/login", {"address": ALICE, "password": "no"})).code, 401)
        answer = await client.post("/login", {"address": ALICE, "password": PASSWORD})
        self.assertEqual((answer.code, answer.header("retry-after")), (429, "600"))
        self.assertIn('role="alert"', answer.text)
        await self.house.visitor("bob@alpha.example")

    async def test_behind_a_proxy(self) -> None:
        """The client is the last address that is not our proxy's: what stands before it anybody may have written."""
        for forwarded, client in {
            "198.51.100.9, 203.0.113.4": "203.0.113.4",
            "203.0.113.4, 127.0.0.9": "203.0.113.4",
            "2001:DB8::4": "2001:db8::4",
            "203.0.113.4, unknown": "127.0.0.1",
            "": "127.0.0.1",
        }.items():
            browser = self.house.client()
            await browser.post("/login", {"address": ALICE, "password": PASSWORD}, X_Forwarded_For=forwarded)
            session = await self.house.directory.session(sha256(browser.cookies["sid"].encode()).hexdigest())
            assert session is not None
            self.assertEqual(session.client, client, forwarded)

    async def test_no_proxy(self) -> None:
        """Nobody else is believed."""
        self.patch(self.house.site, "_proxies", ())
        browser = self.house.client()
        await browser.post("/login", {"address": ALICE, "password": PASSWORD}, X_Forwarded_For="203.0.113.4")
        session = await self.house.directory.session(sha256(browser.cookies["sid"].encode()).hexdigest())
        assert session is not None
        self.assertEqual(session.client, "127.0.0.1")

    async def test_form(self) -> None:
        """The fields have names that password managers know; who is signed in goes on."""
        text = (await self.house.client().get("/login")).text
        self.assertRegex(text, r'<input[^>]*name="address"[^>]*autocomplete="username"')
        self.assertRegex(text, r'<input[^>]*name="password"[^>]*type="password"[^>]*autocomplete="current-password"')
        answer = await self.alice.get("/login")
        self.assertEqual((answer.code, answer.header("location")), (303, "/mail/inbox"))

    async def test_escaped(self) -> None:
        """What was typed comes back as text."""
        answer = await self.house.client().post("/login", {"address": '"><script>x', "password": "y", "next": '/"><b>'})
        self.assertIn("&#34;&gt;&lt;script&gt;x", answer.text)
        self.assertNotIn("<b>", answer.text)

    async def test_next(self) -> None:
        """The login leads on to the page that was asked for, and never to another site."""
        answer = await self.house.client().get("/mail/sent?at=1")
        self.assertEqual((answer.code, answer.header("location")), (303, "/login?next=%2Fmail%2Fsent%3Fat%3D1"))
        form = {"address": ALICE, "password": PASSWORD}
        for goal, path in (
            ("/mail/sent?at=1", "/mail/sent?at=1"),
            ("https://evil.example/", "/mail/inbox"),
            ("//evil.example/", "/mail/inbox"),
            ("/\\evil.example/", "/mail/inbox"),
            ("/\t/evil.example/", "/mail/inbox"),
            ("/x\r\nSet-Cookie: a=b", "/mail/inbox"),
        ):
            answer = await self.house.client().post("/login", {**form, "next": goal})
            self.assertEqual((answer.code, answer.header("location")), (303, path), goal)

    async def test_logout(self) -> None:
        """The session ends on the server, its pages are told, the cookie is taken back."""
        old = dict(self.alice.cookies)
        answer = await self.alice.post("/logout", {})
        self.assertEqual((answer.code, answer.header("location")), (303, "/login"))
        self.assertIn("Max-Age=0", answer.header("set-cookie"))
        self.assertEqual(len([e for e in self.house.events.published if isinstance(e, Bye)]), 1)
        self.alice.cookies = old
        self.assertEqual((await self.alice.get("/mail/inbox")).code, 303)

    async def test_login_replaces_session(self) -> None:
        """Signing in again in the same browser ends the session before."""
        old = dict(self.alice.cookies)
        await self.alice.login("bob@alpha.example", PASSWORD)
        self.assertNotEqual(self.alice.cookies, old)
        self.alice.cookies = old
        self.assertEqual((await self.alice.get("/mail/inbox")).code, 303)

    async def test_expired(self) -> None:
        """A session that was idle for too long is none."""
        self.house.now += 15 * 86_400_000
        self.assertEqual((await self.alice.get("/mail/inbox")).code, 303)


class ClosedTests(WebCase):
    """Every page but the login needs a session."""

    PAGES = (
        "/",
        "/mail/inbox",
        "/mail/sent",
        "/mail/compose",
        "/mail/inbox/rows",
        "/mail/inbox/since?seq=0",
        "/mail/inbox/t/x",
        "/mail/m/x/body",
        "/mail/m/x/part/1/a.png",
    )

    async def test_pages(self) -> None:
        """A page leads to the login."""
        client = self.house.client()
        for path in self.PAGES:
            answer = await client.get(path)
            self.assertEqual(answer.code, 303, path)
            self.assertTrue(answer.header("location").startswith("/login?next="), path)
        for path in ("/mail/act", "/mail/send"):
            self.assertEqual((await client.post(path, {})).header("location"), "/login?next=%2Fmail%2Finbox")

    async def test_fragments(self) -> None:
        """A script is told with a header that htmx follows."""
        for path in self.PAGES:
            answer = await self.house.client().get(path, HX_Request="true", HX_Request_Type="partial")
            self.assertEqual((answer.code, answer.header("hx-redirect")), (401, "/login"), path)

    async def test_events(self) -> None:
        """An event stream says that the session is over, and nothing else: the page goes to the login."""
        answer = await self.house.client().get("/events")
        self.assertEqual((answer.code, answer.header("content-type")), (200, "text/event-stream; charset=utf-8"))
        self.assertEqual(answer.text, "event: bye\ndata: {}\n\n")

    async def test_forged_cookie(self) -> None:
        """A token that was never given is none."""
        client = self.house.client()
        for token in ("", "x", "A" * 43, "\xff" * 10, "'; drop table session"):
            client.cookies["sid"] = token
            self.assertEqual((await client.get("/mail/inbox")).code, 303, token)


class SecureCookieTests(WebCase):
    """Over https the cookie has its secure name."""

    async def begin(self) -> None:
        self.house = House(reactor, "https://mail.alpha.example")
        self.addCleanup(lambda: Deferred.fromCoroutine(self.house.stop()))
        await self.house.start()

    async def test_cookie(self) -> None:
        """__Host-, Secure, HttpOnly, SameSite=Lax, for the whole site and this host only; and HSTS."""
        answer = await self.house.client().post("/login", {"address": ALICE, "password": PASSWORD})
        name, *attributes = [part.strip().lower() for part in answer.header("set-cookie").split(";")]
        self.assertTrue(name.startswith("__host-sid="))
        self.assertEqual(set(attributes), {"secure", "httponly", "samesite=lax", "path=/"})
        self.assertIn("max-age=", answer.header("strict-transport-security"))
