"""Verification of DKIM signatures (RFC 6376 section 6, RFC 8301, RFC 8463, RFC 8616).

Of a message the first 10 signatures are judged. ``examine`` does the work that grows with the body and belongs into
a thread for large ones; ``verify`` needs the keys and is short.
"""

from __future__ import annotations

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
    """A signature before its key is known. ``done`` is its result when no key can change it."""

    field: Field
    signature: Signature | None = None
    done: DkimResult | None = None


def examine(header: Header, bodies: Bodies, now: int) -> tuple[Candidate, ...]:
    """The first signatures of a message, with all that can be judged without DNS; ``now`` in seconds since 1970."""
    return tuple(_examine(field, bodies, now) for field in header.named(b"dkim-signature")[:SIGNATURES])


def _examine(field: Field, bodies: Bodies, now: int) -> Candidate:
    try:
        signature = read_signature(field, _REQUIRED)
        expires, made = number(signature.tags, "x"), number(signature.tags, "t")
    except ValueError as error:
        return Candidate(field, done=DkimResult("neutral", f"the signature cannot be read: {error}"))
    fault = _fault(signature, bodies, expires, made, now)
    return Candidate(field, signature, fault and _result(signature, *fault))


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


async def judge(header: Header, candidates: tuple[Candidate, ...], lookup: Lookup) -> tuple[DkimResult, ...]:
    """The result of each candidate; no key is asked for twice."""
    answers: dict[str, Answer | LookupFailed] = {}
    results = []
    for candidate in candidates:
        if candidate.done or candidate.signature is None:
            results.append(candidate.done or DkimResult("neutral", "the signature cannot be read"))
            continue
        name = candidate.signature.key_name
        if name not in answers:
            try:
                answers[name] = await ask(lookup, name, "TXT")
            except LookupFailed as error:
                answers[name] = error
        results.append(verify(header, candidate.field, candidate.signature, answers[name]))
    return tuple(results)


def verify(header: Header, field: Field, signature: Signature, answer: Answer | LookupFailed) -> DkimResult:
    """The result of a signature whose body hash is right, given the answer to the look-up of its key."""
    if isinstance(answer, LookupFailed):
        return _result(signature, "temperror", answer.status.text)
    record = answer.data[0] if len(answer.data) == 1 else ""
    try:
        key = key_of(answer)
    except ValueError as error:
        return _result(signature, "permerror", str(error), record)
    result, reason = _verify(header, field, signature, key)
    if key.testing:
        reason += "; the signer is only testing (t=y)"
    return _result(signature, result, reason, record)


def _verify(header: Header, field: Field, signature: Signature, key: SigningKey) -> tuple[str, str]:
    if key.kind != signature.kind:
        return "permerror", f"the key is {key.kind}, the signature {signature.algorithm}"
    if key.strict and not _within(signature, strict=True):
        return "permerror", "the key (t=s) does not allow i= in a subdomain"
    if key.weak:
        return "fail", f"an RSA key of less than {RSA_BITS} bits proves nothing (RFC 8301)"
    if not key.verifies(signature.signature, header_hash(header, field, signature)):
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
