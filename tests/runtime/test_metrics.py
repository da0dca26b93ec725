"""Metrics, read back with Prometheus' own parser."""

from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.runtime.metrics import Metrics

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(metrics: Metrics) -> Samples:
    """What a scrape gives."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    }


class MetricsTests(SynchronousTestCase):
    """What is counted can be read."""

    def test_counters_exist_from_the_start(self) -> None:
        """Every declared combination of labels is there at zero, so that a rate can be told from the first event."""
        metrics = Metrics()
        sessions = metrics.counter("sessions", "Sessions.", {"port": ("25", "587")})
        name = "mailsuite_sessions_total"
        self.assertEqual(samples(metrics)[name, (("port", "587"),)], 0)
        sessions.add(port="587")
        sessions.add(2, port="587")
        self.assertEqual(samples(metrics)[name, (("port", "587"),)], 3)
        self.assertEqual(samples(metrics)[name, (("port", "25"),)], 0)

    def test_nobody_outside_makes_series(self) -> None:
        """A value that was not declared counts as other: the registry does not grow."""
        metrics = Metrics()
        helos = metrics.counter("helos", "HELO names.", {"kind": ("name",), "tls": ("yes", "no")})
        before = samples(metrics).keys()
        for number in range(50):
            helos.add(kind=f"x{number}", tls="yes")
        self.assertEqual(samples(metrics)["mailsuite_helos_total", (("kind", "other"), ("tls", "yes"))], 50)
        self.assertEqual(samples(metrics).keys(), before)

    def test_a_label_cannot_be_forgotten(self) -> None:
        """Our own mistake is loud."""
        with self.assertRaises(KeyError):
            Metrics().counter("a", "A.", {"port": ("25",)}).add()

    def test_gauges(self) -> None:
        """They are set, and go up and down."""
        metrics = Metrics()
        depth = metrics.gauge("queue_depth", "Jobs.")
        depth.set(5)
        depth.add(-2)
        self.assertEqual(samples(metrics)["mailsuite_queue_depth", ()], 3)

    def test_histograms(self) -> None:
        """Buckets are cumulative."""
        metrics = Metrics()
        seconds = metrics.histogram("accept_seconds", "Time to 250.", (0.01, 0.1), {"port": ("25",)})
        for value in (0.005, 0.05, 5):
            seconds.observe(value, port="25")
        found = samples(metrics)
        for bound, count in (("0.01", 1), ("0.1", 2), ("+Inf", 3)):
            self.assertEqual(found["mailsuite_accept_seconds_bucket", (("le", bound), ("port", "25"))], count)

    def test_the_process_is_there(self) -> None:
        """Memory and descriptors of the process are told too; two registries do not disturb each other."""
        first, second = Metrics(), Metrics()
        first.counter("x", "X.")
        second.counter("x", "X.")
        self.assertGreater(samples(first)["process_resident_memory_bytes", ()], 1e6)
        self.assertGreater(samples(second)["process_open_fds", ()], 0)
