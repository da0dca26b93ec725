"""Makes a new account: its address, name and password follow the rules, the password is hashed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.interfaces.threads import InThread
from mailsuite.login.passwords import Passwords, check_strength
from mailsuite.login.typed import CONTROLS, typed_address
from mailsuite.model.account import Account
from mailsuite.model.ids import ordered_id

NAME_CHARACTERS = 100

_BIDI_OVERRIDES = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def _account_key(address: str) -> str:
    parsed = typed_address(address)
    text = str(parsed)
    if text.startswith('"') or not text.isascii():
        raise ValueError(f"{text!r} cannot be an account: before the @ only ASCII that needs no quotes")
    if parsed.domain.startswith("["):
        raise ValueError(f"{text!r} cannot be an account: it needs a domain name")
    return parsed.key


def _display_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name.strip())
    if not name:
        raise ValueError("the name is empty")
    if len(name) > NAME_CHARACTERS:
        raise ValueError(f"the name is longer than {NAME_CHARACTERS} characters")
    if CONTROLS.search(name) or _BIDI_OVERRIDES.search(name):
        raise ValueError("the name holds a line break, a change of direction or another control character")
    return name


async def new_account(
    directory: IAccountDirectory,
    thread: InThread,
    passwords: Passwords,
    clock: Callable[[], int],
    random: Callable[[int], bytes],
    *,
    address: str,
    name: str,
    password: str,
) -> Account:
    """Add an account to the directory and give it back.

    Raises ValueError, which names the field and its rule; Conflict when the address is taken, NotThere when its
    domain is not hosted.
    """
    key = _account_key(address)
    name = _display_name(name)
    check_strength(password)
    now = clock()
    hashed = await thread(lambda: passwords.hash(password))
    account = Account(ordered_id(now, random), key, name, hashed, now)
    await directory.add_account(account)
    return account
