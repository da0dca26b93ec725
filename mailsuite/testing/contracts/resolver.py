"""ResolverContract: what every INameResolver must do."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING

from twisted.internet.defer import ensureDeferred

from mailsuite.interfaces.resolver import INameResolver
from mailsuite.model.errors import LookupFailed, MailError, Refusal

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _Case
else:
    _Case = object

LONG = "k" * 700

KNOWN: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("beta.example", "MX"): ("10 mx1.beta.example.", "20 mx2.beta.example."),
    ("mx1.beta.example", "A"): ("192.0.2.1",),
    ("mx1.beta.example", "AAAA"): ("2001:db8::1",),
    ("null.beta.example", "MX"): ("0 .",),
    ("long.beta.example", "TXT"): (LONG,),
    ("alias.beta.example", "CNAME"): ("hop.beta.example.",),
    ("hop.beta.example", "CNAME"): ("mx1.beta.example.",),
    ("loop1.beta.example", "CNAME"): ("loop2.beta.example.",),
    ("loop2.beta.example", "CNAME"): ("loop1.beta.example.",),
}
"""What the resolver under test knows, as answers give it."""


class ResolverContract(_Case):
    """Mix into a trial TestCase; ``make_resolver`` gives one that knows KNOWN, and fails for broken.test."""

    async def make_resolver(self) -> INameResolver:
        """To be written."""
        raise NotImplementedError

    async def _raises(self, kind: type[MailError], looking: Awaitable[object]) -> MailError:
        try:
            await looking
        except kind as error:
            return error
        raise AssertionError(f"{kind.__name__} was not raised")

    async def test_known(self) -> None:
        """Data in presentation form, under the name and type asked, in any letter case and with a final dot."""
        resolver = await self.make_resolver()
        for (name, type), data in KNOWN.items():
            for asked in (name, name.upper(), f"{name}."):
                answer = await resolver.lookup(asked, type)
                self.assertEqual((asked, type, True), (answer.name, answer.type, answer.exists))
                self.assertEqual([text.lower() for text in data], sorted(text.lower() for text in answer.data))

    async def test_nothing_there(self) -> None:
        """NODATA exists, NXDOMAIN does not; neither has data."""
        resolver = await self.make_resolver()
        for name, type, exists in (
            ("mx1.beta.example", "MX", True),
            ("alias.beta.example", "TXT", True),
            ("nowhere.beta.example", "A", False),
        ):
            answer = await resolver.lookup(name, type)
            self.assertEqual((exists, ()), (answer.exists, answer.data))

    async def test_aliases(self) -> None:
        """CNAMEs are followed; a circle of them is a failed look-up."""
        resolver = await self.make_resolver()
        self.assertEqual(("192.0.2.1",), (await resolver.lookup("alias.beta.example", "A")).data)
        await self._raises(LookupFailed, resolver.lookup("loop1.beta.example", "A"))

    async def test_failures(self) -> None:
        """A server that cannot tell is a LookupFailed that names what was asked; an impossible name a Refusal."""
        resolver = await self.make_resolver()
        error = await self._raises(LookupFailed, resolver.lookup("broken.test", "MX"))
        self.assertEqual((451, "4.4.3"), (error.status.code, error.status.enhanced))
        self.assertEqual(True, "broken.test" in error.status.text)
        for name in ("x" * 64 + ".example", "a..example", ""):
            await self._raises(Refusal, resolver.lookup(name, "A"))

    async def test_at_once(self) -> None:
        """Look-ups may run side by side."""
        resolver = await self.make_resolver()
        running = [(key, ensureDeferred(resolver.lookup(*key))) for key in KNOWN for _ in range(5)]
        for key, looking in running:
            self.assertEqual(list(KNOWN[key]), sorted((await looking).data))
