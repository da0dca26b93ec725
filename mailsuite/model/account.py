"""Domains, accounts, sessions, and the keys that belong to a domain."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailsuite.model.alias import Forward


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A signing key: ``private`` in PKCS#8 PEM, ``public`` the base64 of p=, ``algorithm`` "rsa" or "ed25519".

    ``created`` in ms: before that nobody can have seen it in the DNS.
    """

    selector: str
    algorithm: str
    private: str = field(repr=False)
    public: str
    created: int = 0


@dataclass(frozen=True, slots=True)
class Domain:
    """A hosted domain, by its A-label. ``alias_of``: its addresses are those of another hosted domain; "": its own."""

    name: str
    created: int
    keys: tuple[DkimKey, ...] = ()
    alias_of: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """A person's store. ``address`` is its key form (lower case); ``password`` an argon2id hash.

    ``forward`` says where its mail goes on to, None when it stays. ``rules``: the generation of its rules and vacation
    (IRuleStore); 0: it has neither.
    """

    id: str
    address: str
    name: str
    password: str = field(repr=False)
    created: int
    forward: Forward | None = None
    rules: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's login. ``token_hash`` is the SHA-256 (hex) of the cookie's value; ``seen`` is the last use."""

    token_hash: str = field(repr=False)
    account: str
    created: int
    seen: int
    client: str
    agent: str
