"""pyspf's evaluator over answers that are there already: a question without an answer ends the run (RFC 7208)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import spf

TERMS = 10
VOIDS = 2
NAMES = 10
NAME_LENGTH = 253

Question = tuple[str, str]
Answers = Mapping[Question, Sequence[str] | spf.TempError]


class Missing(BaseException):
    """Raised through pyspf, which catches Exception round exp=; ``Evaluation.missing`` says what is to be asked."""


class Evaluation(spf.query):
    """One run. ``records`` are the SPF records that were read, ``record`` the one that decided."""

    def __init__(self, ip: str, helo: str, local: str, domain: str, receiver: str, now: int, answers: Answers) -> None:
        super().__init__(i=ip, s=f"{local}@{domain}", h=helo, receiver=receiver or None, strict=True)
        self.l, self.o, self.d = local, domain, domain  # pyspf splits at the first "@", which may be quoted
        self.t = str(now)
        self.set_default_explanation("")
        self.missing: tuple[Question, ...] = ()
        self.record = ""
        self._answers = answers

    def run(self) -> tuple[str, str]:
        """Result and text: the domain's explanation for a fail, the fault for an error. Raises Missing."""
        result, _, text = self.check()
        if self.missing:
            raise Missing  # swallowed round exp=
        return result, text

    def check0(self, record: str, recursion: int) -> tuple[str, int, str]:
        if not recursion:
            self.record = record or ""
        outcome: tuple[str, int, str] = super().check0(record, recursion)
        return outcome

    def check_lookups(self) -> None:
        self.lookups += 1
        if self.lookups > TERMS:
            raise spf.PermError(f"more than {TERMS} terms that need DNS")

    def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[str]:
        name = name.rstrip(".").lower()
        if not _sound(name):
            return []
        self._need([(name, qtype)])
        found = self._answers[name, qtype]
        if isinstance(found, spf.TempError):
            raise found
        if not found and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > VOIDS:
                raise spf.PermError(f"more than {VOIDS} look-ups found nothing")
        return list(found)

    def _need(self, questions: Sequence[Question]) -> None:
        missing = tuple(question for question in questions if question not in self._answers)
        if missing:
            self.missing = missing
            raise Missing

    def dns_txt(self, domainname: str, rr: str = "TXT", ignore_void: bool = False) -> list[bytes]:
        return [text.encode() for text in self.dns(domainname, rr, ignore_void=ignore_void)]

    def dns_mx(self, domainname: str) -> list[str]:
        # The hosts of an MX set that was found cost no void look-up: an IPv6 client asks them for AAAA, and most have
        # only A (RFC 7208 section 4.6.4 counts terms, and the term found something).
        hosts = [text.partition(" ")[2] for text in sorted(self.dns(domainname, "MX"), key=_preference)]
        if len(hosts) > NAMES:
            raise spf.PermError(f"more than {NAMES} MX hosts")
        return self._addresses(hosts)

    def validated_ptrs(self) -> list[str]:
        names = self.dns_ptr(self.i)[:NAMES]
        self._addresses(names)
        return [name.rstrip(".") for name in names if self.cidrmatch(self._addresses([name]), self.cidrmax)]

    def _addresses(self, hosts: Sequence[str]) -> list[str]:
        names = [name for host in hosts if _sound(name := host.rstrip(".").lower())]
        self._need([(name, self.A) for name in dict.fromkeys(names)])
        return [address for name in names for address in self.dns(name, self.A, ignore_void=True)]

    def expand(self, text: str, stripdot: bool = True) -> str:
        if not stripdot:
            # Text for people: pyspf would cut it as if it were a name.
            return " ".join(str(spf.query.expand(self, word, False)) for word in text.split(" "))
        name = str(super().expand(text, True))
        while len(name) > NAME_LENGTH and "." in name:
            name = name.partition(".")[2]
        return name


def _sound(name: str) -> bool:
    return len(name) <= NAME_LENGTH and all(0 < len(label) < 64 for label in name.split("."))


def _preference(mx: str) -> int:
    preference = mx.partition(" ")[0]
    return int(preference) if preference.isdecimal() else 0
