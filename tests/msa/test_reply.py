"""To whom a reply goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.address import Mailbox
from mailsuite.model.folder import INBOX
from mailsuite.model.message import Message
from mailsuite.msa.reply import reply_recipients
from mailsuite.testing.builders import NOW, description

ME = ("me@alpha.example", "sales@alpha.example")
MYSELF, ANN, BOB, CARL = (Mailbox(name, f"{name.lower()}@alpha.example") for name in ("Me", "Ann", "Bob", "Carl"))


def message(
    author: Sequence[Mailbox],
    to: Sequence[Mailbox] = (),
    cc: Sequence[Mailbox] = (),
    reply_to: Sequence[Mailbox] = (),
    own: bool = False,
) -> Message:
    """A stored message with these people."""
    about = replace(
        description("<m@x.example>"), author=tuple(author), to=tuple(to), cc=tuple(cc), reply_to=tuple(reply_to)
    )
    return Message("m", "me", INBOX, 1, 1, "c", "", 0, NOW, about, "", (), False, False, own)


class ReplyRecipientsTests(SynchronousTestCase):
    """reply_recipients."""

    def check(self, about: Message, one: Sequence[Mailbox], to: Sequence[Mailbox], cc: Sequence[Mailbox]) -> None:
        """A reply goes to ``one``; one to all to ``to`` with ``cc``."""
        self.assertEqual(tuple(map(tuple, reply_recipients(ME, about, everyone=False))), (tuple(one), ()))
        self.assertEqual(tuple(map(tuple, reply_recipients(ME, about, everyone=True))), (tuple(to), tuple(cc)))

    def test_to_the_author(self) -> None:
        """From; all adds the others of To and Cc as Cc, without me (RFC 5322 section 3.6.3)."""
        self.check(message([ANN], [MYSELF, BOB], [CARL]), [ANN], [ANN], [BOB, CARL])

    def test_reply_to(self) -> None:
        """Reply-To goes before From."""
        self.check(message([ANN], [MYSELF], [], [BOB, CARL]), [BOB, CARL], [BOB, CARL], [])

    def test_everybody_once(self) -> None:
        """Who is named twice, in whatever letter case, gets it once."""
        shouting = Mailbox("", "BOB@ALPHA.EXAMPLE")
        self.check(message([ANN, ANN], [BOB, ANN], [shouting, CARL]), [ANN], [ANN], [BOB, CARL])

    def test_me_in_any_spelling(self) -> None:
        """I am left out under any letter case and name."""
        self.check(message([ANN], [Mailbox("Boss", "ME@Alpha.Example"), BOB]), [ANN], [ANN], [BOB])

    def test_me_at_other_addresses(self) -> None:
        """Another address of mine is me: as a copy it is left out, as the author it makes the message my own."""
        sales = Mailbox("Sales", "Sales@alpha.example")
        self.check(message([ANN], [sales, BOB], [MYSELF]), [ANN], [ANN], [BOB])
        self.check(message([sales], [ANN, MYSELF], [CARL]), [ANN], [ANN], [CARL])

    def test_u_label(self) -> None:
        """An internationalised domain is one, in either form."""
        one, other = Mailbox("", "x@bücher.example"), Mailbox("", "x@xn--bcher-kva.example")
        self.check(message([one], [other, MYSELF]), [one], [one], [])

    def test_own_mail(self) -> None:
        """A reply to my own mail goes to its recipients."""
        self.check(message([MYSELF], [ANN, BOB], [CARL, MYSELF], own=True), [ANN, BOB], [ANN, BOB], [CARL])
        self.check(message([MYSELF], [ANN], [CARL]), [ANN], [ANN], [CARL])

    def test_note_to_myself(self) -> None:
        """And one to myself to myself."""
        self.check(message([MYSELF], [MYSELF], own=True), [MYSELF], [MYSELF], [])

    def test_own_mail_with_copies_only(self) -> None:
        """Without To a reply has to be addressed by hand, all goes to the copies."""
        self.check(message([MYSELF], [], [ANN], own=True), [], [], [ANN])

    def test_nobody(self) -> None:
        """A message without author has no recipient to suggest."""
        self.check(message([]), [], [], [])

    def test_what_is_no_address(self) -> None:
        """It is kept, for the writer to mend."""
        odd = Mailbox("", "undisclosed")
        self.check(message([odd], [odd, Mailbox("", "")]), [odd], [odd], [Mailbox("", "")])
