"""Password hashes."""

import unicodedata
from collections.abc import Callable
from time import thread_time

import argon2
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.login.passwords import Passwords, check_strength

PASSWORD = "correct horse battery"


class PasswordsTests(SynchronousTestCase):
    """Passwords."""

    def setUp(self) -> None:
        self.passwords = Passwords()

    def test_right_password(self) -> None:
        """A hash knows its password."""
        self.assertTrue(self.passwords.verify(self.passwords.hash(PASSWORD), PASSWORD))

    def test_wrong_password(self) -> None:
        """Another password is refused, however alike."""
        stored = self.passwords.hash(PASSWORD)
        for wrong in ("", PASSWORD + " ", PASSWORD.upper(), PASSWORD[:-1], PASSWORD + "\0"):
            self.assertFalse(self.passwords.verify(stored, wrong), wrong)

    def test_parameters(self) -> None:
        """argon2id, 19 MiB, two passes, one lane; salted afresh (RFC 9106 section 4, OWASP's minimum)."""
        first, second = self.passwords.hash(PASSWORD), self.passwords.hash(PASSWORD)
        self.assertTrue(first.startswith("$argon2id$v=19$m=19456,t=2,p=1$"))
        self.assertNotEqual(first, second)

    def test_other_implementation(self) -> None:
        """A hash that plain argon2 made of the UTF-8 octets is understood."""
        stored = argon2.low_level.hash_secret(
            "pässwörter sind lang".encode(), b"0123456789abcdef", 2, 19456, 1, 32, argon2.Type.ID
        ).decode()
        self.assertTrue(self.passwords.verify(stored, "pässwörter sind lang"))

    def test_composed_and_decomposed_agree(self) -> None:
        """The same characters from another keyboard are the same password (RFC 8265 section 4.2.2)."""
        stored = self.passwords.hash(unicodedata.normalize("NFC", "schlüsselwörter"))
        self.assertTrue(self.passwords.verify(stored, unicodedata.normalize("NFD", "schlüsselwörter")))
        self.assertTrue(self.passwords.verify(self.passwords.hash("a b c d e f g"), "a\u00a0b\u3000c d e f g"))

    def test_too_long(self) -> None:
        """More than 1024 octets are never hashed: no password, and no work for us."""
        for long in ("a" * 1025, "ä" * 513, "a" * 10_000_000):
            with self.assertRaises(ValueError):
                self.passwords.hash(long)
            self.assertFalse(self.passwords.verify(self.passwords.hash(PASSWORD), long))
        self.assertTrue(self.passwords.verify(self.passwords.hash("a" * 1024), "a" * 1024))

    def test_not_text(self) -> None:
        """Half a surrogate pair from a broken client is a wrong password, not a crash."""
        self.assertFalse(self.passwords.verify(self.passwords.hash(PASSWORD), "\ud800"))

    def test_waste_costs_the_same(self) -> None:
        """The dummy verification takes about the CPU time of a real one."""
        stored = self.passwords.hash(PASSWORD)

        def cost(work: Callable[[], object]) -> float:
            times = []
            for _ in range(5):
                before = thread_time()
                work()
                times.append(thread_time() - before)
            return min(times)

        real = cost(lambda: self.passwords.verify(stored, "wrong"))
        dummy = cost(lambda: self.passwords.waste("wrong"))
        self.assertTrue(real / 2 < dummy < real * 2, (real, dummy))

    def test_needs_rehash(self) -> None:
        """A hash of weaker parameters is told apart."""
        weak = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        self.assertTrue(self.passwords.verify(weak, PASSWORD))
        self.assertTrue(self.passwords.needs_rehash(weak))
        self.assertFalse(self.passwords.needs_rehash(self.passwords.hash(PASSWORD)))

    def test_damaged_hash_is_our_fault(self) -> None:
        """What is no hash raises: nobody is told that the password is wrong."""
        with self.assertRaises(ValueError):
            self.passwords.verify("plain text", PASSWORD)


class CheckStrengthTests(SynchronousTestCase):
    """check_strength."""

    def test_good(self) -> None:
        """Twelve characters of any script are enough."""
        for password in (PASSWORD, "x" * 12, "密" * 12, "a" * 1024):
            check_strength(password)

    def test_bad(self) -> None:
        """Each broken rule is named."""
        for password, rule in (
            ("", "12 characters"),
            ("x" * 11, "12 characters"),
            ("twelve chars\n", "control"),
            ("twelve\0chars!", "control"),
            ("a" * 1025, "1024 octets"),
            ("密" * 342, "1024 octets"),
        ):
            error = self.assertRaises(ValueError, check_strength, password)
            self.assertIn(rule, str(error))
