"""The root service: order of start and stop, readiness, reload."""

import io
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from twisted.application.service import Application, IServiceCollection, Service
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.runtime import daemon as module
from mailsuite.runtime import sdnotify
from mailsuite.runtime.daemon import Daemon, Stage
from mailsuite.runtime.logs import LogOutput
from mailsuite.runtime.sections import Log, Server
from mailsuite.runtime.settings import Settings, SettingsError

TIMEOUT_STOP = 45
"""TimeoutStopSec= of the units."""


class Noted(Service):
    """Notes when it starts and stops; its stop lasts until ``ended`` fires."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.title = name
        self.notes = notes
        self.ended: Deferred[None] = Deferred()

    def privilegedStartService(self) -> None:
        self.notes.append(f"privileged {self.title}")

    def startService(self) -> None:
        self.notes.append(f"start {self.title}")

    def stopService(self) -> Deferred[None]:
        self.notes.append(f"stop {self.title}")
        return self.ended.addCallback(lambda _: self.notes.append(f"stopped {self.title}"))


class DaemonCase(SynchronousTestCase):
    """A daemon on a clock, with a supervisor that listens."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.stopped_reactor: list[bool] = []
        self.reactor.stop = lambda: self.stopped_reactor.append(True)  # type: ignore[method-assign]
        self.log = io.StringIO()
        self.output = LogOutput(self.log, "text")
        self.notes: list[str] = []
        self.supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.supervisor.close)
        address = f"mailsuite-test-{os.getpid()}-{time.monotonic_ns()}"
        self.supervisor.bind("\0" + address)
        self.supervisor.setblocking(False)
        self.environ = {"NOTIFY_SOCKET": "@" + address}

    def daemon(self, load: Callable[[], Settings] | None = None) -> Daemon:
        """A daemon that is stopped at the end of the test."""
        self.patch(module, "notify", lambda state: sdnotify.notify(state, self.environ))
        self.patch(module, "reloading", lambda: sdnotify.reloading(self.environ))
        return Daemon(self.reactor, self.output, load)

    def run_reactor(self) -> None:
        """What the reactor does when it starts to run."""
        for function, args, kwargs in self.reactor.whenRunningHooks:
            function(*args, **kwargs)

    def told(self) -> list[str]:
        """What the supervisor was told since the last call."""
        found = []
        while True:
            try:
                found.append(self.supervisor.recv(1000).decode().split("\n")[0])
            except BlockingIOError:
                return found

    def services(self, daemon: Daemon) -> dict[str, Noted]:
        """Two services in each stage, added in an order of no meaning."""
        made = {}
        for name, stage in (
            ("door1", Stage.DOOR),
            ("threads", Stage.BASE),
            ("work1", Stage.WORK),
            ("store", Stage.BASE),
            ("door2", Stage.DOOR),
            ("work2", Stage.WORK),
        ):
            made[name] = Noted(name, self.notes)
            daemon.add(made[name], stage)
        return made


class OrderTests(DaemonCase):
    """Start and stop."""

    def test_start(self) -> None:
        """Stages start from the base up."""
        daemon = self.daemon()
        self.services(daemon)
        daemon.privilegedStartService()
        daemon.startService()
        self.addCleanup(daemon.stopService)
        expected = ["threads", "store", "work1", "work2", "door1", "door2"]
        self.assertEqual(self.notes, [f"privileged {x}" for x in expected] + [f"start {x}" for x in expected])

    def test_drain(self) -> None:
        """Doors close together and drain; then work ends; then the base, one by one, what was first made last."""
        daemon = self.daemon()
        made = self.services(daemon)
        daemon.startService()
        self.notes.clear()
        self.told()
        done = daemon.stopService()
        self.assertEqual(self.told(), ["STOPPING=1"])
        self.assertEqual(self.notes, ["stop door2", "stop door1"])
        made["door1"].ended.callback(None)
        self.assertEqual(self.notes[2:], ["stopped door1"])
        made["door2"].ended.callback(None)
        self.assertEqual(self.notes[3:], ["stopped door2", "stop work2", "stop work1"])
        made["work2"].ended.callback(None)
        made["work1"].ended.callback(None)
        self.assertEqual(self.notes[6:], ["stopped work2", "stopped work1", "stop store"])
        made["store"].ended.callback(None)
        self.assertEqual(self.notes[9:], ["stopped store", "stop threads"])
        self.assertNoResult(done)
        made["threads"].ended.callback(None)
        self.successResultOf(done)

    def test_what_hangs_is_left_behind(self) -> None:
        """Each stage is waited for with patience that has an end, and all of it is shorter than systemd's."""
        daemon = self.daemon()
        self.services(daemon)
        daemon.startService()
        done = daemon.stopService()
        ended: list[float] = []
        done.addCallback(lambda _: ended.append(self.reactor.seconds()))
        self.reactor.pump([0.5] * 4 * TIMEOUT_STOP)
        self.assertEqual([note for note in self.notes if note.startswith("stop ")][-2:], ["stop store", "stop threads"])
        (seconds,) = ended
        self.assertLess(seconds, TIMEOUT_STOP)
        self.assertGreaterEqual(seconds, 20, "sessions get less than the 20 s to drain")

    def test_one_that_fails_does_not_keep_the_others(self) -> None:
        """An error in a stop is logged, and the rest stops in its order."""
        daemon = self.daemon()
        made = self.services(daemon)
        daemon.startService()
        done = daemon.stopService()
        made["door2"].ended.errback(ValueError("broken"))
        for name in ("door1", "work1", "work2", "store", "threads"):
            made[name].ended.callback(None)
        self.successResultOf(done)
        self.assertIn("stopped threads", self.notes)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_a_door_that_does_not_open(self) -> None:
        """What a service raises at its start reaches whoever starts the daemon."""
        daemon = self.daemon()

        class Broken(Service):
            def privilegedStartService(self) -> None:
                raise OSError("port taken")

        daemon.add(Broken(), Stage.DOOR)
        with self.assertRaisesRegex(OSError, "port taken"):
            daemon.privilegedStartService()


class ReadyTests(DaemonCase):
    """When others may rely on it."""

    def test_ready_after_all_checks(self) -> None:
        """systemd and the callback are told when the last check has passed, not before."""
        daemon = self.daemon()
        checks: list[Deferred[None]] = [Deferred(), Deferred()]

        async def check(number: int) -> None:
            self.notes.append(f"check {number}")
            await checks[number]

        daemon.before_ready(lambda: check(0))
        daemon.before_ready(lambda: check(1))
        daemon.on_ready(lambda: self.notes.append("ready"))
        daemon.startService()
        self.addCleanup(daemon.stopService)
        self.assertEqual(self.notes, [])
        self.run_reactor()
        checks[0].callback(None)
        self.assertEqual((self.notes, self.told()), (["check 0", "check 1"], []))
        checks[1].callback(None)
        self.assertEqual((self.notes[2:], self.told()), (["ready"], ["READY=1"]))

    def test_a_check_that_fails_stops_the_daemon(self) -> None:
        """It never says that it is ready, says why in the log, and ends with a failure."""
        daemon = self.daemon()

        async def check() -> None:
            raise ValueError("the store is newer than this program")

        daemon.before_ready(check)
        daemon.on_ready(lambda: self.notes.append("ready"))
        daemon.startService()
        self.addCleanup(daemon.stopService)
        self.run_reactor()
        self.assertEqual((self.notes, self.told()), ([], []))
        self.assertTrue(daemon.failed)
        self.assertEqual(self.stopped_reactor, [True])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_stopped_before_it_was_ready(self) -> None:
        """A check that still waits is given up, and nobody is told that we are ready."""
        daemon = self.daemon()
        never: Deferred[None] = Deferred()

        async def check() -> None:
            await never

        daemon.before_ready(check)
        daemon.startService()
        self.run_reactor()
        self.successResultOf(daemon.stopService())
        self.assertEqual(self.told(), ["STOPPING=1"])
        self.assertFalse(daemon.failed)


class ReloadTests(DaemonCase):
    """SIGHUP."""

    def settings(self, level: str) -> Settings:
        """Settings that differ in the level of the log."""
        return Settings(server=Server(hostname="mail.example.org"), log=Log(format="json", level=level))

    def ready(self, daemon: Daemon) -> None:
        """Start it, let it become ready, and have it stopped at the end."""
        daemon.startService()
        self.addCleanup(daemon.stopService)
        self.run_reactor()
        self.assertEqual(self.told(), ["READY=1"])

    def hang_up(self) -> None:
        """Send ourselves the signal and do what the reactor is asked to do."""
        calls: list[tuple[Any, ...]] = []
        self.reactor.callFromThread = lambda *call: calls.append(call)  # type: ignore[attr-defined]
        os.kill(os.getpid(), signal.SIGHUP)
        deadline = time.monotonic() + 5
        while not calls and time.monotonic() < deadline:
            pass
        for function, *args in calls:
            function(*args)

    def test_new_settings_are_handed_on(self) -> None:
        """The log changes, and each who asked gets the new values; systemd hears of begin and end."""
        applied: list[Settings] = []
        new = self.settings("warn")
        daemon = self.daemon(lambda: new)
        daemon.on_reload(applied.append)
        self.ready(daemon)
        self.hang_up()
        self.assertEqual(applied, [new])
        self.assertEqual(self.told(), ["RELOADING=1", "READY=1"])
        self.output({"log_level": None, "log_format": "info is below warn now"})
        self.assertEqual(self.log.getvalue(), "")

    def test_with_a_mistake_the_old_settings_stay(self) -> None:
        """Nobody is given anything, the log says every problem, and the daemon goes on."""

        def load() -> Settings:
            raise SettingsError(["mailsuite.toml:3: mx.listen: first", "mailsuite.toml:4: mx.max_size: second"])

        applied: list[Settings] = []
        self.patch(module._log, "observer", self.output)
        daemon = self.daemon(load)
        daemon.on_reload(applied.append)
        self.ready(daemon)
        self.hang_up()
        self.assertEqual(applied, [])
        self.assertEqual(self.told(), ["RELOADING=1", "READY=1"])
        for expected in (":3: mx.listen: first", ":4: mx.max_size: second", "the old ones stay"):
            self.assertIn(expected, self.log.getvalue())

    def test_without_a_file(self) -> None:
        """There is nothing to read, and the signal does not kill us."""
        daemon = self.daemon(None)
        self.ready(daemon)
        self.hang_up()
        self.assertEqual(self.told(), ["RELOADING=1", "READY=1"])

    def test_a_reload_does_not_make_it_ready(self) -> None:
        """One that still waits for its checks reads the settings too, and says nothing to systemd."""
        applied: list[Settings] = []
        daemon = self.daemon(lambda: self.settings("warn"))
        never: Deferred[None] = Deferred()

        async def check() -> None:
            await never

        daemon.before_ready(check)
        daemon.on_reload(applied.append)
        daemon.startService()
        self.addCleanup(daemon.stopService)
        self.run_reactor()
        self.hang_up()
        self.assertEqual((len(applied), self.told()), (1, []))

    def test_the_signal_is_given_back(self) -> None:
        """After the stop the handler is what it was before."""
        before = signal.getsignal(signal.SIGHUP)
        daemon = self.daemon()
        daemon.startService()
        self.assertNotEqual(signal.getsignal(signal.SIGHUP), before)
        self.successResultOf(daemon.stopService())
        self.assertEqual(signal.getsignal(signal.SIGHUP), before)


class LoggingTests(DaemonCase):
    """Under twistd."""

    def test_the_application_logs_to_our_output(self) -> None:
        """twistd takes the log observer from the application: the settings decide the format."""
        application = Application("x")
        daemon = self.daemon()
        daemon.setServiceParent(application)
        self.assertIn(daemon, list(IServiceCollection(application)))
        self.assertIs(application.getComponent(ILogObserver), self.output)
