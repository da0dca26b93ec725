"""The folders that every account has."""

from __future__ import annotations

INBOX = "inbox"
SENT = "sent"
DRAFTS = "drafts"
ARCHIVE = "archive"
SPAM = "spam"
TRASH = "trash"

FOLDERS = (INBOX, SENT, DRAFTS, ARCHIVE, SPAM, TRASH)
STARRED = "starred"
"""A view of the flagged conversations, not a folder."""
