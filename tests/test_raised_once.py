"""No exception is made once and raised many times: it would keep every frame that it has come through, for ever."""

from __future__ import annotations

import gc
import pkgutil
import weakref
from importlib import import_module

from twisted.trial.unittest import SynchronousTestCase

import mailsuite
from tests.smtp.dialogue import Dialogue


class RaisedOnceTests(SynchronousTestCase):
    """The kind of fault, and the one that was found: 26 kB for each misplaced RCPT, DATA or BDAT of a stranger."""

    def test_no_module_holds_an_exception(self) -> None:
        """No module holds an exception."""
        held = []
        for found in pkgutil.walk_packages(mailsuite.__path__, "mailsuite."):
            module = import_module(found.name)
            for name, value in vars(module).items():
                values = value if isinstance(value, (list, tuple)) else [value]
                if any(isinstance(each, Exception) for each in values):
                    held.append(f"{found.name}.{name}")
        self.assertEqual(held, [])

    def test_a_session_that_was_refused_things_is_forgotten(self) -> None:
        """A session that was refused things is forgotten."""
        dialogue = Dialogue()
        dialogue.say(b"EHLO c.example\r\nRCPT TO:<bob@beta.example>\r\nDATA\r\nBDAT 3\r\nabc")
        dialogue.say(b"MAIL FROM:<ann@alpha.example>\r\nDATA\r\nBDAT 3 LAST\r\nabcX\r\nMAIL FROM:<\r\n")
        session = weakref.ref(dialogue.session)
        del dialogue
        gc.collect()
        self.assertIsNone(session())
