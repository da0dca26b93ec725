"""Log lines."""

import io
import json

from twisted.logger import ILogObserver, Logger, LogLevel
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailsuite.runtime.logs import LogOutput

FORGED = "mail.example\r\n<0>kernel: panic\x1b[31m\x85\u2028end"


class LogsCase(SynchronousTestCase):
    """Logs to a string."""

    def output(self, format: str, level: str = "debug") -> Logger:
        """A logger whose events go to ``self.stream``."""
        self.stream = io.StringIO()
        self.log_output = LogOutput(self.stream, format, level)
        verifyObject(ILogObserver, self.log_output)
        return Logger("mailsuite.test", observer=self.log_output)

    def fail_in(self, log: Logger) -> None:
        """Log an exception."""
        try:
            raise ValueError("odd\nvalue")
        except ValueError:
            log.failure("filing {id} failed", id="q1")


class TextTests(LogsCase):
    """For people."""

    def test_a_line(self) -> None:
        """Time in UTC with milliseconds, level, namespace, text."""
        self.output("text")
        self.log_output(
            {
                "log_time": 1764000000.25,
                "log_level": LogLevel.warn,
                "log_namespace": "mailsuite.mta",
                "log_format": "greylisted {client}",
                "client": "192.0.2.1",
            }
        )
        self.assertEqual(
            self.stream.getvalue(), "2025-11-24T16:00:00.250Z warn     mailsuite.mta: greylisted 192.0.2.1\n"
        )

    def test_no_line_can_be_forged(self) -> None:
        """A field with line ends and escapes stays within its line, readable."""
        self.output("text").info("helo {name}", name=FORGED)
        (line,) = self.stream.getvalue().splitlines()
        self.assertTrue(line.endswith(r"helo mail.example\x0d\x0a<0>kernel: panic\x1b[31m\x85\u2028end"), line)

    def test_a_failure_has_its_traceback(self) -> None:
        """Below the message, indented, so that no line of it looks like an event."""
        self.fail_in(self.output("text"))
        first, *rest = self.stream.getvalue().splitlines()
        self.assertIn("critical mailsuite.test: filing q1 failed", first)
        self.assertTrue(all(line.startswith("    ") for line in rest))
        self.assertIn("ValueError", "".join(rest))

    def test_an_event_of_the_old_log(self) -> None:
        """What Twisted logs without a level is written as info."""
        self.output("text", "info")
        self.log_output({"log_format": "{x}", "x": 1, "log_time": 0.0})
        self.assertEqual(self.stream.getvalue(), "1970-01-01T00:00:00.000Z info     -: 1\n")


class JournalTests(LogsCase):
    """For journald."""

    def test_priorities(self) -> None:
        """syslog(3)'s numbers."""
        log = self.output("journal")
        for level in LogLevel.iterconstants():
            log.emit(level, "x")
        self.assertEqual(
            [line[:3] for line in self.stream.getvalue().splitlines()], ["<7>", "<6>", "<4>", "<3>", "<2>"]
        )

    def test_each_line_of_a_traceback_has_the_priority(self) -> None:
        """journald stores line by line."""
        self.fail_in(self.output("journal"))
        lines = self.stream.getvalue().splitlines()
        self.assertGreater(len(lines), 3)
        self.assertEqual({line[:3] for line in lines}, {"<2>"})


class JsonTests(LogsCase):
    """For programs."""

    def test_fields(self) -> None:
        """Each field keeps its type; other things are their text; nothing of the logger's own is there."""
        log = self.output("json")
        log.info(
            "took {size}",
            size=5,
            queue_id="q1",
            reply=b"250 \xff",
            mx=("a", "b"),
            none=None,
            ip={"v": 4},
            obj=ValueError("x"),
        )
        event = json.loads(self.stream.getvalue())
        self.assertRegex(event.pop("time"), r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
        self.assertEqual(
            event,
            {
                "level": "info",
                "namespace": "mailsuite.test",
                "message": "took 5",
                "size": 5,
                "queue_id": "q1",
                "reply": "250 \\xff",
                "mx": ["a", "b"],
                "none": None,
                "ip": {"v": 4},
                "obj": "x",
            },
        )

    def test_a_line_is_an_object(self) -> None:
        """Also with line ends in fields, and with a traceback."""
        log = self.output("json")
        log.info("helo {name}", name=FORGED)
        self.fail_in(log)
        lines = self.stream.getvalue().splitlines()
        helo, failure = (json.loads(line) for line in lines)
        self.assertEqual(helo["name"], FORGED)
        self.assertIn("ValueError", "".join(failure["traceback"]))
        self.assertNotIn("log_failure", failure)


class LevelTests(LogsCase):
    """What is written at all."""

    def test_level_and_format_change_at_once(self) -> None:
        """Events below the level are not written; a reload changes both."""
        log = self.output("journal", "warn")
        log.info("one")
        log.warn("two")
        self.assertEqual(self.stream.getvalue(), "<4>mailsuite.test: two\n")
        self.log_output.configure("json", "debug")
        log.debug("three")
        self.assertEqual(json.loads(self.stream.getvalue().splitlines()[1])["message"], "three")

    def test_tries_to_connect_are_not_told_one_by_one(self) -> None:
        """Twisted's client service is heard from warnings on: our link says once that Redis is away."""
        self.output("text", "info")
        log = Logger("twisted.application._client_service.ClientService", observer=self.log_output)
        log.info("trying")
        log.warn("failing")
        self.assertNotIn("trying", self.stream.getvalue())
        self.assertIn("failing", self.stream.getvalue())
