"""What was sent on from here and came back."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailsuite.interfaces.checks import IMessageCheck
from mailsuite.interfaces.reception import Client
from mailsuite.model.address import Address
from mailsuite.mta.loops import ForwardLoopCheck
from mailsuite.testing.builders import envelope

OUT, OUT2, ANN = "out@alpha.example", "out2@alpha.example", "ann@alpha.example"


class ForwardLoopCheckTests(SynchronousTestCase):
    """out@ and out2@ go on, ann@ stays."""

    def judge(self, content: bytes, *to: str) -> str:
        """The enhanced code, "" for none."""

        async def leaves(address: Address) -> bool:
            return address.local.lower().startswith("out")

        check = ForwardLoopCheck(leaves)
        verifyObject(IMessageCheck, check)
        client = Client("203.0.113.9", 1)
        work = Deferred.fromCoroutine(check.body(client, envelope("bob@remote.example", *to), content + b"\r\nx\r\n"))
        status = self.successResultOf(work).status
        return status.enhanced if status else ""

    def test_came_back(self) -> None:
        """A Delivered-To of the recipient, wherever it stands and however it is written, in the header alone."""
        field = b"Delivered-To: out@alpha.example\r\n"
        self.assertEqual(self.judge(field, OUT), "5.4.6")
        self.assertEqual(self.judge(field, "OUT@alpha.example"), "5.4.6")
        self.assertEqual(self.judge(b"X: 1\r\ndelivered-TO:\r\n <Out@ALPHA.example>\r\n", OUT), "5.4.6")
        self.assertEqual(self.judge(b"X: 1\r\n\r\n" + field, OUT), "")
        self.assertEqual(self.judge(b"Delivered-To: other@alpha.example\r\n", OUT), "")

    def test_mailboxes_do_not_loop(self) -> None:
        """Mail that is filed may have been delivered before."""
        self.assertEqual(self.judge(b"Delivered-To: ann@alpha.example\r\n", ANN), "")

    def test_some_of_several(self) -> None:
        """Only when all came back: the others want their mail."""
        one, two = b"Delivered-To: out@alpha.example\r\n", b"Delivered-To: out2@alpha.example\r\n"
        self.assertEqual(self.judge(one, OUT, OUT2), "")
        self.assertEqual(self.judge(one, OUT, ANN), "")
        self.assertEqual(self.judge(one + two, OUT, OUT2), "5.4.6")
