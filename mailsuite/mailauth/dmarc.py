"""DMARC: discovery of the policy by tree walk, alignment, result (RFC 9989 sections 4.4, 4.10 and 5.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailsuite.mailauth.dmarcrecord import Record, is_record, read_record
from mailsuite.mailauth.lookups import Lookup, a_label, ask
from mailsuite.model.errors import LookupFailed
from mailsuite.model.verdict import DkimResult, DmarcResult, SpfResult

WALK_LABELS = 7
"""A walk asks for the name itself and then for at most its last 7 labels and what is above: 8 questions."""

Found = tuple[str, Record]


class Discovery:
    """Records and organizational domains for one message; no name is asked for twice. All raise LookupFailed."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._records: dict[str, Record | LookupFailed | None] = {}

    async def record(self, domain: str) -> Record | None:
        """The one valid record at _dmarc.<domain>."""
        if domain not in self._records:
            try:
                answer = await ask(self._lookup, f"_dmarc.{domain}", "TXT")
            except LookupFailed as error:
                self._records[domain] = error
            else:
                texts = [text for text in answer.data if is_record(text)]
                self._records[domain] = read_record(texts[0]) if len(texts) == 1 else None
        found = self._records[domain]
        if isinstance(found, LookupFailed):
            raise found
        return found

    async def walk(self, domain: str) -> tuple[Found, ...]:
        """The records from a domain upwards (section 4.10), the longest name first."""
        found = []
        for name in steps(domain):
            record = await self.record(name)
            if record is None:
                continue
            found.append((name, record))
            if record.psd == "n" or (record.psd == "y" and name != domain):
                break
        return tuple(found)

    async def organizational(self, domain: str) -> str:
        """Section 4.10.2."""
        return organizational_domain(domain, await self.walk(domain))

    async def policy(self, domain: str) -> Found | None:
        """The record that applies to an author domain: its own, its organizational domain's, its public suffix's."""
        own = await self.record(domain)
        if own is not None:
            return domain, own
        found = await self.walk(domain)
        organization = organizational_domain(domain, found)
        by_name = dict(found)
        if organization in by_name:
            return organization, by_name[organization]
        suffix = organization.partition(".")[2]
        if suffix in by_name and by_name[suffix].psd == "y":
            return suffix, by_name[suffix]
        return None

    async def exists(self, domain: str) -> bool:
        """Is there such a name at all (RFC 8020)?"""
        return (await ask(self._lookup, domain, "A")).exists


def steps(domain: str) -> tuple[str, ...]:
    """The names that a tree walk asks, in order."""
    labels = domain.split(".")
    above = labels[1:] if len(labels) <= WALK_LABELS else labels[-WALK_LABELS:]
    return (domain, *(".".join(above[i:]) for i in range(len(above))))


def organizational_domain(domain: str, found: Sequence[Found]) -> str:
    """What a walk from ``domain`` tells."""
    for name, record in found:
        if record.psd == "n":
            return name
        if record.psd == "y" and name != domain:
            return ".".join(domain.split(".")[-name.count(".") - 2 :])
    return found[-1][0] if found else domain


async def evaluate(domain: str, spf: SpfResult, dkim: Iterable[DkimResult], discovery: Discovery) -> DmarcResult:
    """The result for one author domain, an A-label. Never raises for what DNS says or fails to say."""
    return await _Evaluation(domain, spf, tuple(dkim), discovery).run()


class _Evaluation:
    def __init__(self, domain: str, spf: SpfResult, dkim: tuple[DkimResult, ...], discovery: Discovery) -> None:
        self._domain = domain
        self._spf = spf
        self._dkim = dkim
        self._discovery = discovery

    async def run(self) -> DmarcResult:
        domain = self._domain
        try:
            found = await self._discovery.policy(domain)
        except LookupFailed as error:
            return DmarcResult("temperror", domain, f"the policy of {domain} cannot be found: {error.status.text}")
        if found is None:
            return DmarcResult("none", domain, f"{domain} has no DMARC policy")
        name, record = found
        if not record.p:
            reason = f"the policy record of {name} has no usable p= and no rua="
            return DmarcResult("none", domain, reason, policy_domain=name, record=record.text)
        try:
            exists = name == domain or not record.np or await self._discovery.exists(domain)
        except LookupFailed:
            exists = True  # np is for names that are known not to be there
        policy = record.policy(name == domain, exists)
        result, reason, aligned = await self._align(record)
        return DmarcResult(result, domain, reason, policy, name, record.text, aligned)

    async def _align(self, record: Record) -> tuple[str, str, str]:
        unsure = ""
        for what, identifier, result, strict in self._identifiers(record):
            try:
                if result not in ("pass", "temperror") or not await self._aligned(identifier, strict):
                    continue
            except LookupFailed as error:
                unsure = unsure or f"whether {identifier} belongs to {self._domain} is not known: {error.status.text}"
                continue
            if result == "pass":
                return "pass", f"{what} passed for {identifier}, which is aligned", f"{what} {identifier}"
            unsure = f"{what} for {identifier} met a temporary fault"
        if unsure:
            return "temperror", unsure, ""
        return "fail", f"neither SPF nor DKIM passed for {self._domain} or a domain aligned with it", ""

    def _identifiers(self, record: Record) -> Iterable[tuple[str, str, str, bool]]:
        found = [("dkim", result.domain, result.result, record.strict_dkim) for result in self._dkim]
        found.append(("spf", a_label(self._spf.domain), self._spf.result, record.strict_spf))
        # What is equal needs no look-up: first.
        return sorted(found, key=lambda one: (one[1] != self._domain, one[2] != "pass"))

    async def _aligned(self, identifier: str, strict: bool) -> bool:
        if identifier == self._domain:
            return True
        if strict or not identifier or _top(identifier) != _top(self._domain):
            return False
        return await self._discovery.organizational(identifier) == await self._discovery.organizational(self._domain)


def _top(domain: str) -> str:
    return domain.rpartition(".")[2]
