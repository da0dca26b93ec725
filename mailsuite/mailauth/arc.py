"""Verification of the Authenticated Received Chain (RFC 8617 section 5.2). What it says is recorded, nothing more."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from mailsuite.interfaces.resolver import Answer
from mailsuite.mailauth import canonical
from mailsuite.mailauth.dkimkey import key_of
from mailsuite.mailauth.fields import Field, Header
from mailsuite.mailauth.lookups import Lookup, ask
from mailsuite.mailauth.signature import Bodies, Signature, header_hash, read_signature
from mailsuite.model.errors import LookupFailed
from mailsuite.model.verdict import ArcResult

SETS = 50
_RESULTS = b"arc-authentication-results"
_MESSAGE = b"arc-message-signature"
_SEAL = b"arc-seal"
_INSTANCE = re.compile(r"(?:\A|;)\s*i\s*=\s*([0-9]{1,3})\s*(?:;|\Z)")


@dataclass(frozen=True, slots=True)
class _Set:
    results: Field
    message: Field
    seal: Field
    message_signature: Signature
    seal_signature: Signature


@dataclass(frozen=True, slots=True)
class _Proof:
    what: str
    signature: Signature
    digest: bytes


@dataclass(frozen=True, slots=True)
class Chain:
    """What only keys can prove, in the order of section 5.2, or the ``fault`` that leaves nothing to prove."""

    proofs: tuple[_Proof, ...] = ()
    fault: str = ""


def examine_chain(header: Header, bodies: Bodies) -> Chain:
    """All that can be judged without DNS."""
    if not header.named(_RESULTS, _MESSAGE, _SEAL):
        return Chain()
    try:
        sets = _read_sets(header)
        newest, count = sets[-1].message_signature, len(sets)
        if bodies.hash(newest.body_form, newest.length) != newest.body_hash:
            raise ValueError(f"the body was changed after set {count} was made")
    except ValueError as error:
        return Chain(fault=str(error))
    digest = header_hash(header, sets[-1].message, newest)
    return Chain((_Proof(f"message signature of set {count}", newest, digest), *reversed(_seal_proofs(sets))))


def _seal_proofs(sets: tuple[_Set, ...]) -> list[_Proof]:
    """Each seal is over all sets up to its own; the oldest first."""
    proofs, before = [], hashlib.sha256()
    for number, one in enumerate(sets, 1):
        before.update(canonical.relaxed_field(one.results) + canonical.relaxed_field(one.message))
        own = before.copy()
        unsigned = canonical.relaxed_field(one.seal, canonical.without_signature(one.seal))
        own.update(unsigned.removesuffix(b"\r\n"))
        proofs.append(_Proof(f"seal of set {number}", one.seal_signature, own.digest()))
        before.update(canonical.relaxed_field(one.seal))
    return proofs


def _read_sets(header: Header) -> tuple[_Set, ...]:
    found: dict[int, dict[bytes, Field]] = {}
    for field in header.named(_RESULTS, _MESSAGE, _SEAL):
        match = _INSTANCE.search(field.text)
        if not match or not 1 <= (instance := int(match[1])) <= SETS:
            raise ValueError(f"a field {field.name.decode()} has no i= of 1 to {SETS}")
        if field.name in found.setdefault(instance, {}):
            raise ValueError(f"set {instance} has two fields {field.name.decode()}")
        found[instance][field.name] = field
    sets = []
    for instance in range(1, len(found) + 1):
        fields = found.get(instance, {})
        if len(fields) != 3:
            raise ValueError(f"set {instance} is not complete")
        sets.append(_read_set(instance, fields))
    return tuple(sets)


def _read_set(instance: int, fields: dict[bytes, Field]) -> _Set:
    try:
        message = read_signature(fields[_MESSAGE], ("i", "a", "b", "bh", "d", "h", "s"))
        seal = read_signature(fields[_SEAL], ("i", "a", "b", "cv", "d", "s"), "relaxed/relaxed")
    except ValueError as error:
        raise ValueError(f"set {instance} cannot be read: {error}") from None
    if not message.kind or not seal.kind:
        raise ValueError(f"set {instance} uses an algorithm that proves nothing")
    if message.length is not None:
        raise ValueError(f"the message signature of set {instance} has l=")
    if "from" not in message.signed or "arc-seal" in message.signed:
        raise ValueError(f"the message signature of set {instance} does not cover From, or covers ARC-Seal")
    if "h" in seal.tags:
        raise ValueError(f"the seal of set {instance} has h=")
    if seal.tags["cv"].lower() != ("none" if instance == 1 else "pass"):
        raise ValueError(f"the seal of set {instance} says cv={seal.tags['cv'][:10]}")
    return _Set(fields[_RESULTS], fields[_MESSAGE], fields[_SEAL], message, seal)


async def judge_chain(chain: Chain, lookup: Lookup) -> ArcResult:
    """The chain's result; a look-up that fails makes it fail, since nothing is built on it."""
    if chain.fault:
        return ArcResult("fail", chain.fault)
    if not chain.proofs:
        return ArcResult("none", "there is no chain")
    seals = chain.proofs[1:]
    sealers = tuple(proof.signature.domain for proof in seals)
    answers: dict[str, Answer] = {}
    try:
        for proof in chain.proofs:
            name = proof.signature.key_name
            if name not in answers:
                answers[name] = await ask(lookup, name, "TXT")
            _prove(proof, answers[name])
    except (ValueError, LookupFailed) as error:
        return ArcResult("fail", str(error), sealers)
    return ArcResult("pass", f"the message signature and all {len(seals)} seals are right", sealers)


def _prove(proof: _Proof, answer: Answer) -> None:
    try:
        key = key_of(answer)
    except ValueError as error:
        raise ValueError(f"the {proof.what} cannot be proved: {error}") from None
    if key.kind != proof.signature.kind or key.weak:
        raise ValueError(f"the {proof.what} cannot be proved: the key is not of a kind that counts")
    if not key.verifies(proof.signature.signature, proof.digest):
        raise ValueError(f"the {proof.what} is not right")
