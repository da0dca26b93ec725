"""Verification of DKIM signatures (RFC 6376 section 6, RFC 8301, RFC 8463, RFC 8616).

Of a message the first 10 signatures are judged. ``examine`` does the work that grows with the message and belongs into
a thread for large ones; ``judge`` asks for the keys, and its work is short.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mailsuite.interfaces.resolver import Answer
from mailsuite.mailauth.dkimkey import RSA_BITS, SigningKey, key_of
from mailsuite.mailauth.fields import Field, Header
from mailsuite.mailauth.lookups import Lookup, a_label, ask
from mailsuite.mailauth.signature import Bodies, Signature, header_hash, number, read_signature
from mailsuite.model.errors import LookupFailed
from mailsuite.model.verdict import DkimResult

SIGNATURES = 10
SKEW = 300
"""Seconds by which clocks may differ when x= is judged."""

_REQUIRED = ("v", "a", "b", "bh", "d", "h", "s")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A signature that only its key can prove: over ``digest``, the hash of the header."""

    signature: Signature
    digest: bytes


def examine(header: Header, bodies: Bodies, now: int) -> tuple[Candidate | DkimResult, ...]:
    """The first signatures of a message, or their results where no key can change them; ``now`` in s since 1970."""
    return tuple(_examine(header, field, bodies, now) for field in header.named(b"dkim-signature")[:SIGNATURES])


def _examine(header: Header, field: Field, bodies: Bodies, now: int) -> Candidate | DkimResult:
    try:
        signature = read_signature(field, _REQUIRED)
        expires, made = number(signature.tags, "x"), number(signature.tags, "t")
    except ValueError as error:
        return DkimResult("neutral", f"the signature cannot be read: {error}")
    fault = _fault(signature, bodies, expires, made, now)
    return _result(signature, *fault) if fault else Candidate(signature, header_hash(header, field, signature))


def _fault(
    signature: Signature, bodies: Bodies, expires: int | None, made: int | None, now: int
) -> tuple[str, str] | None:
    tags = signature.tags
    if tags["v"] != "1":
        return "neutral", f"v={tags['v'][:10]} is not known"
    if "from" not in signature.signed:
        return "permerror", "the signature does not cover From"
    if "dns/txt" not in tags.get("q", "dns/txt").lower().split(":"):
        return "permerror", "q= names no way to the key but dns/txt"
    if not _within(signature, strict=False):
        return "permerror", "the domain of i= is not within d="
    if expires is not None and made is not None and expires <= made:
        return "permerror", "the signature expires before it was made"
    if signature.algorithm == "rsa-sha1":
        return "fail", "rsa-sha1 proves nothing (RFC 8301)"
    if not signature.kind:
        return "neutral", f"the algorithm {signature.algorithm[:30]} is not known"
    if expires is not None and expires + SKEW < now:
        return "fail", "the signature has expired"
    try:
        digest = bodies.hash(signature.body_form, signature.length)
    except ValueError as error:
        return "permerror", str(error)
    if digest != signature.body_hash:
        return "fail", "the body was changed after it was signed: its hash is not bh="
    return None


def _within(signature: Signature, strict: bool) -> bool:
    identity = signature.tags.get("i")
    if identity is None:
        return True
    domain = a_label(identity.rpartition("@")[2])
    return domain == signature.domain or (not strict and domain.endswith("." + signature.domain))


async def judge(candidates: Iterable[Candidate | DkimResult], lookup: Lookup) -> tuple[DkimResult, ...]:
    """The result of each; no key is asked for twice. Never raises for what a peer or DNS says."""
    answers: dict[str, Answer | LookupFailed] = {}
    results = []
    for candidate in candidates:
        if isinstance(candidate, DkimResult):
            results.append(candidate)
            continue
        name = candidate.signature.key_name
        if name not in answers:
            try:
                answers[name] = await ask(lookup, name, "TXT")
            except LookupFailed as error:
                answers[name] = error
        results.append(_judge(candidate, answers[name]))
    return tuple(results)


def _judge(candidate: Candidate, answer: Answer | LookupFailed) -> DkimResult:
    signature = candidate.signature
    if isinstance(answer, LookupFailed):
        return _result(signature, "temperror", answer.status.text)
    record = answer.data[0] if len(answer.data) == 1 else ""
    try:
        key = key_of(answer)
    except ValueError as error:
        return _result(signature, "permerror", str(error), record)
    result, reason = _verify(signature, candidate.digest, key)
    if key.testing:
        reason += "; the signer is only testing (t=y)"
    return _result(signature, result, reason, record)


def _verify(signature: Signature, digest: bytes, key: SigningKey) -> tuple[str, str]:
    if key.kind != signature.kind:
        return "permerror", f"the key is {key.kind}, the signature {signature.algorithm}"
    if key.strict and not _within(signature, strict=True):
        return "permerror", "the key (t=s) does not allow i= in a subdomain"
    if key.weak:
        return "fail", f"an RSA key of less than {RSA_BITS} bits proves nothing (RFC 8301)"
    if not key.verifies(signature.signature, digest):
        return "fail", "the signature is not right: a signed field was changed, or the key is another"
    if signature.length is not None:
        return "policy", f"right, but l={signature.length} lets anybody append to the body, so it does not count"
    return "pass", "the signature is right"


def _result(signature: Signature, result: str, reason: str, record: str = "") -> DkimResult:
    return DkimResult(
        result=result,
        reason=reason,
        domain=signature.domain,
        selector=signature.selector,
        algorithm=signature.algorithm,
        b="".join(signature.tags["b"].split())[:8],
        signed=tuple(filter(None, signature.signed)),
        record=record,
    )
