"""Mail in files: an mbox, a Maildir, .eml files, or a directory of them, one message after another."""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mailsuite.mime.dates import parse_date
from mailsuite.mime.headers import Headers
from mailsuite.mime.kept import Kept, split_kept
from mailsuite.mime.mbox import LARGEST, Entry, is_mbox, read_mbox
from mailsuite.model.folder import ARCHIVE, DRAFTS, INBOX, SENT, SPAM, TRASH

_START = 64 * 1024
_FETCHED = ("-", "", "???@???")
"""Senders of From_ lines whose date is only that of fetching the message."""
_MAILDIR_INFO = re.compile(r"[:!;]2,([A-Za-z]*)\Z")
_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")

_STANDARD = {
    "inbox": INBOX,
    "sent": SENT,
    "sent items": SENT,
    "sent messages": SENT,
    "sent mail": SENT,
    "drafts": DRAFTS,
    "draft": DRAFTS,
    "archive": ARCHIVE,
    "archives": ARCHIVE,
    "archived": ARCHIVE,
    "spam": SPAM,
    "junk": SPAM,
    "junk e-mail": SPAM,
    "junk email": SPAM,
    "trash": TRASH,
    "deleted items": TRASH,
    "deleted messages": TRASH,
}


@dataclass(frozen=True, slots=True)
class Found:
    """A message of a source. ``content`` has CRLF line ends, unless they were mixed; it is None when it is too large
    to be read or the file cannot be read: then ``problem`` says so.

    ``folder`` is a standard folder's id, the name of an own one, or "" when the source does not say. ``at`` in ms,
    None when nothing tells when it came. ``done`` are the octets of the source that were read up to here.
    """

    place: str
    content: bytes | None
    kept: Kept
    folder: str
    at: int | None
    done: int
    problem: str = ""


def standard_folder(name: str) -> str:
    """The id of the standard folder that other programs call so; "" when it is none."""
    return _STANDARD.get(name.strip().casefold(), "")


def total_octets(path: Path) -> int:
    """The size of all files of a source."""
    return sum(file.stat().st_size for file, _ in _files(path)) if path.is_dir() else path.stat().st_size


def read_source(path: Path) -> Iterator[Found]:
    """All messages; blocks while it reads. Raises ValueError when it is no mail, OSError."""
    if path.is_dir():
        done = 0
        for file, folder in _files(path):
            try:
                yield from _read_file(file, folder, done, strict=False)
            except OSError as error:
                yield Found(str(file), None, Kept(), folder, None, done, error.strerror or str(error))
            done += file.stat().st_size
        return
    yield from _read_file(path, standard_folder(path.stem), 0, strict=True)


def _files(root: Path) -> Iterator[tuple[Path, str]]:
    """Files that may hold mail, in order, and the name of the folder that each belongs to."""
    for where, directories, names in os.walk(root, onerror=_fail):
        directories.sort()
        here = Path(where)
        folder = _folder_of(here.relative_to(root).parts)
        if {"cur", "new"} <= set(directories):
            directories[:] = [name for name in directories if name not in ("cur", "new", "tmp")]
            for part in ("cur", "new"):
                for name in sorted(os.listdir(here / part)):
                    if not name.startswith(".") and (here / part / name).is_file():
                        yield here / part / name, folder or INBOX
            continue
        for name in sorted(names):
            file = here / name
            if name.startswith(".") or not file.is_file():
                continue
            if _is_mbox(file):
                parts = (*here.relative_to(root).parts, name.removesuffix(".mbox"))
                yield file, _folder_of(parts)
            elif name.lower().endswith(".eml"):
                yield file, folder


def _is_mbox(file: Path) -> bool:
    """A file that cannot be read is taken for one: then the import says so."""
    try:
        with open(file, "rb") as opened:
            return is_mbox(opened.read(_START))
    except OSError:
        return True


def _fail(error: OSError) -> None:
    raise error


def _folder_of(parts: tuple[str, ...]) -> str:
    """A standard folder's id, an own folder's name, or "" for the root. Maildir++ writes the levels in one name."""
    levels: list[str] = []
    for part in parts:
        name = part.removesuffix(".sbd")
        if name.startswith(".") and len(name) > 1:
            levels += [_from_utf7(level) for level in name[1:].split(".") if level]
        else:
            levels.append(unescaped(name))
    if len(levels) > 1 and levels[0].casefold() == "inbox":
        del levels[0]
    if len(levels) == 1 and (found := standard_folder(levels[0])):
        return found
    return "/".join(levels)


def unescaped(name: str) -> str:
    """The level of a folder's name that a file's name stands for."""
    return re.sub(r"%(2E|25|63|6E|74)", lambda found: chr(int(found[1], 16)), name)


def _from_utf7(text: str) -> str:
    """Modified UTF-7 (RFC 3501 section 5.1.3); what is none stays as it is."""

    def decoded(found: re.Match[str]) -> str:
        if not found[1]:
            return "&"
        digits = found[1].replace(",", "/")
        try:
            return b64decode(digits + "=" * (-len(digits) % 4)).decode("utf-16-be")
        except ValueError:
            return found[0]

    return _SHIFTED.sub(decoded, text)


def _read_file(file: Path, folder: str, before: int, *, strict: bool) -> Iterator[Found]:
    with open(file, "rb") as opened:
        start = opened.read(_START)
        opened.seek(0)
        if is_mbox(start):
            for entry in read_mbox(opened):
                yield _of_entry(file, folder, before, entry)
            return
        if strict and not _FIELD.match(start):
            raise ValueError(f"{file}: no mbox, no directory of mail, and no message")
        raw = opened.read(LARGEST + 1)
        modified = os.fstat(opened.fileno()).st_mtime_ns // 1_000_000
    if len(raw) > LARGEST:
        problem = f"longer than {LARGEST >> 20} MB"
        yield Found(str(file), None, Kept(), folder, None, before + len(raw), problem)
        return
    kept, content = split_kept(raw)
    info = _MAILDIR_INFO.search(file.name)
    in_maildir = file.parent.name in ("cur", "new")
    if in_maildir:
        flags = info[1] if info else ""
        kept = Kept("S" in flags, "F" in flags, "T" in flags, kept.labels, kept.ours)
    content = _crlf(content)
    yield Found(str(file), content, kept, folder, _arrival(content) or modified, before + len(raw))


def _of_entry(file: Path, folder: str, before: int, entry: Entry) -> Found:
    place, done = f"{file}, octet {entry.start}", before + entry.end
    if entry.content is None:
        return Found(place, None, Kept(), folder, entry.date, done, f"longer than {LARGEST >> 20} MB")
    kept, content = split_kept(entry.content)
    content = _crlf(content)
    at = entry.date if entry.sender not in _FETCHED else None
    return Found(place, content, kept, folder, at or _arrival(content) or entry.date, done)


def _crlf(content: bytes) -> bytes:
    """Files of Unix have LF; where both are in it, nobody can say what was meant."""
    return content if b"\r\n" in content else content.replace(b"\n", b"\r\n")


def _arrival(content: bytes) -> int | None:
    """When the last host took it (the topmost Received field), else its Date."""
    headers = Headers.parse(content)
    for value in headers.unfolded("received")[:1]:
        if (at := parse_date(value.rpartition(";")[2].strip())) is not None:
            return at
    return parse_date(next(iter(headers.unfolded("date")), None))
