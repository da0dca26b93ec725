"""The schema of the database file and the steps that lead to it."""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x6D61696C
"""Marks a file as ours: "mail" in ASCII."""


class SchemaRefused(Exception):
    """The file is not a store of this program or is too new for it; the text says which, in plain words."""


_FIRST = (
    # Blobs. Small ones are kept in `content`; those without content are files. `put_at` is the last put, in ms.
    """
    CREATE TABLE blob (
        hash TEXT PRIMARY KEY, size INTEGER NOT NULL, put_at INTEGER NOT NULL, content BLOB
    ) STRICT
    """,
    # The queue. Rows may be large (100 recipients), hence no WITHOUT ROWID.
    """
    CREATE TABLE queued (
        id TEXT PRIMARY KEY, blob TEXT NOT NULL, size INTEGER NOT NULL, account TEXT, priority INTEGER NOT NULL,
        created INTEGER NOT NULL, expires INTEGER NOT NULL, idempotency_key TEXT,
        envelope TEXT NOT NULL, plan TEXT NOT NULL
    ) STRICT
    """,
    "CREATE UNIQUE INDEX queued_key ON queued (account, idempotency_key) WHERE idempotency_key IS NOT NULL",
    "CREATE INDEX queued_blob ON queued (blob)",
    "CREATE INDEX queued_created ON queued (created)",
    # `worker`, `until` and `dot_at` are the claim; worker NULL: none.
    """
    CREATE TABLE job (
        id TEXT PRIMARY KEY, queue_id TEXT NOT NULL REFERENCES queued ON DELETE CASCADE, n INTEGER NOT NULL,
        lane TEXT NOT NULL, destination TEXT NOT NULL, priority INTEGER NOT NULL, state TEXT NOT NULL,
        next_attempt INTEGER NOT NULL, attempts INTEGER NOT NULL, epoch INTEGER NOT NULL,
        worker TEXT, until INTEGER NOT NULL, dot_at INTEGER NOT NULL, crashes INTEGER NOT NULL,
        delay_notice_at INTEGER NOT NULL, recipients TEXT NOT NULL, history TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX job_queue ON job (queue_id, n)",
    "CREATE INDEX job_pending ON job (lane, id) WHERE state = 'pending'",
    "CREATE INDEX job_due ON job (lane, next_attempt, id) WHERE state = 'pending'",
    "CREATE INDEX job_worker ON job (worker) WHERE worker IS NOT NULL",
    # Mailboxes. `change_seq`: an account's last change; `folder`: counters, and the uid that comes next.
    "CREATE TABLE change_seq (account TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    """
    CREATE TABLE folder (
        account TEXT NOT NULL, name TEXT NOT NULL, uid_next INTEGER NOT NULL DEFAULT 1,
        total INTEGER NOT NULL DEFAULT 0, unread INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (account, name)
    ) STRICT, WITHOUT ROWID
    """,
    # `names`: recipients of an own message, authors of another's. What is large comes last: it is read seldom.
    """
    CREATE TABLE message (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, folder TEXT NOT NULL,
        uid INTEGER NOT NULL, modseq INTEGER NOT NULL, conversation TEXT NOT NULL, delivery_key TEXT NOT NULL,
        blob TEXT NOT NULL, size INTEGER NOT NULL, received_at INTEGER NOT NULL, seen INTEGER NOT NULL,
        flagged INTEGER NOT NULL, own INTEGER NOT NULL, has_attachments INTEGER NOT NULL, names TEXT NOT NULL,
        reverse_path TEXT NOT NULL, bcc TEXT NOT NULL, description TEXT NOT NULL
    ) STRICT
    """,
    "CREATE UNIQUE INDEX message_key ON message (account, delivery_key)",
    "CREATE UNIQUE INDEX message_uid ON message (account, folder, uid)",
    "CREATE INDEX message_conversation ON message (account, conversation, received_at, id)",
    "CREATE INDEX message_blob ON message (blob)",
    # `own`, `unread`, `flagged` count messages; `recipients` are those of the own ones.
    """
    CREATE TABLE conversation (
        id TEXT PRIMARY KEY, account TEXT NOT NULL, last_at INTEGER NOT NULL, count INTEGER NOT NULL,
        own INTEGER NOT NULL, unread INTEGER NOT NULL, flagged INTEGER NOT NULL, has_attachments INTEGER NOT NULL,
        folders TEXT NOT NULL, subject TEXT NOT NULL, snippet TEXT NOT NULL,
        authors TEXT NOT NULL, recipients TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    # A conversation in a folder (or in the view "starred"), and the change journal: `seq` is the last change. A row
    # that left stays with count 0, so that who looks for changes learns of it.
    """
    CREATE TABLE conversation_folder (
        account TEXT NOT NULL, conversation TEXT NOT NULL, folder TEXT NOT NULL, last_at INTEGER NOT NULL,
        count INTEGER NOT NULL, unread INTEGER NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (account, conversation, folder)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE INDEX conversation_folder_page
        ON conversation_folder (account, folder, last_at DESC, conversation DESC, unread, count)
        WHERE count > 0
    """,
    "CREATE INDEX conversation_folder_seq ON conversation_folder (account, folder, seq)",
    """
    CREATE TABLE merged (
        account TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL, PRIMARY KEY (account, old)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX merged_new ON merged (account, new)",
    """
    CREATE TABLE reference (
        account TEXT NOT NULL, message_id TEXT NOT NULL, conversation TEXT NOT NULL, PRIMARY KEY (account, message_id)
    ) STRICT, WITHOUT ROWID
    """,
    # The directory.
    "CREATE TABLE domain (name TEXT PRIMARY KEY, created INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    """
    CREATE TABLE dkim_key (
        domain TEXT NOT NULL REFERENCES domain, n INTEGER NOT NULL, selector TEXT NOT NULL, algorithm TEXT NOT NULL,
        private TEXT NOT NULL, public TEXT NOT NULL, PRIMARY KEY (domain, n)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE account (
        id TEXT PRIMARY KEY, address TEXT NOT NULL UNIQUE, domain TEXT NOT NULL REFERENCES domain,
        name TEXT NOT NULL, password TEXT NOT NULL, created INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX account_domain ON account (domain, address)",
    """
    CREATE TABLE session (
        token_hash TEXT PRIMARY KEY, account TEXT NOT NULL, created INTEGER NOT NULL, seen INTEGER NOT NULL,
        client TEXT NOT NULL, agent TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    # The zone source.
    """
    CREATE TABLE record (
        name TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL, ttl INTEGER NOT NULL,
        PRIMARY KEY (name, type, data)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TABLE zone_generation (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL) STRICT",
    "INSERT INTO zone_generation VALUES (1, 1)",
    # Store.ping writes here.
    "CREATE TABLE probe (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT",
    "INSERT INTO probe VALUES (1, 0)",
)

_TRACES = (
    # What happened in SMTP sessions, for a week. `queue_id` is '' for what was not accepted.
    """
    CREATE TABLE trace (
        number INTEGER PRIMARY KEY, began INTEGER NOT NULL, queue_id TEXT NOT NULL, content TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX trace_began ON trace (began)",
    "CREATE INDEX trace_queue ON trace (queue_id) WHERE queue_id <> ''",
)

# Messages that wait for a time, and may be withdrawn until then; 0: none.
_HOLD = ("ALTER TABLE queued ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0",)

_SUPPRESSIONS = (
    # Where an account's bulk mail does not go; `status` is what the other side said.
    """
    CREATE TABLE suppression (
        account TEXT NOT NULL, address TEXT NOT NULL, status TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (account, address)
    ) STRICT, WITHOUT ROWID
    """,
)

_ALIASES = (
    # `alias_of` '': a domain of its own.
    "ALTER TABLE domain ADD COLUMN alias_of TEXT NOT NULL DEFAULT ''",
    # `forward` is '' or a JSON list: whether a copy is kept, then the targets.
    "ALTER TABLE account ADD COLUMN forward TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX account_forward ON account (address) WHERE forward <> ''",
    """
    CREATE TABLE alias (
        address TEXT PRIMARY KEY, domain TEXT NOT NULL REFERENCES domain, targets TEXT NOT NULL,
        created INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX alias_domain ON alias (domain, address)",
    "CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",
)

_KEY_TIMES = ("ALTER TABLE dkim_key ADD COLUMN created INTEGER NOT NULL DEFAULT 0",)

_STS = (
    # MTA-STS policies of others. `mx` is a JSON list.
    """
    CREATE TABLE sts (
        domain TEXT PRIMARY KEY, id TEXT NOT NULL, fetched INTEGER NOT NULL, mode TEXT NOT NULL, mx TEXT NOT NULL,
        max_age INTEGER NOT NULL, stale INTEGER NOT NULL, expires INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX sts_stale ON sts (stale)",
    "CREATE INDEX sts_expires ON sts (expires)",
)

_VERDICTS = (
    # What port 25 found out about who sent it; '' for what came another way, or before this was kept.
    "ALTER TABLE message ADD COLUMN verdict TEXT NOT NULL DEFAULT ''",
)

_MAILBOXES = (
    # What is asked of a row without its text stands before the text: own names, where it came from, sleep, labels.
    # `moved_at`: when it came to its folder. `listed_at`: where lists show it. `labels`: a JSON list of ids.
    """
    CREATE TABLE message_2 (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, folder TEXT NOT NULL,
        uid INTEGER NOT NULL, modseq INTEGER NOT NULL, conversation TEXT NOT NULL, delivery_key TEXT NOT NULL,
        blob TEXT NOT NULL, size INTEGER NOT NULL, received_at INTEGER NOT NULL, seen INTEGER NOT NULL,
        flagged INTEGER NOT NULL, own INTEGER NOT NULL, has_attachments INTEGER NOT NULL,
        labels TEXT NOT NULL DEFAULT '[]', origin TEXT NOT NULL DEFAULT '', snoozed_until INTEGER NOT NULL DEFAULT 0,
        listed_at INTEGER NOT NULL, moved_at INTEGER NOT NULL, names TEXT NOT NULL,
        reverse_path TEXT NOT NULL, bcc TEXT NOT NULL, description TEXT NOT NULL, verdict TEXT NOT NULL
    ) STRICT
    """,
    # Numbered by time, 256 to the second, so that a search finds the newest first; what a second has too many goes on
    # into the next. The mail that is there may be old: in trash and spam its 30 days begin now.
    """
    INSERT INTO message_2 (number, id, account, folder, uid, modseq, conversation, delivery_key, blob, size,
        received_at, seen, flagged, own, has_attachments, listed_at, moved_at, names, reverse_path, bcc, description,
        verdict)
    SELECT n + MAX(received_at / 1000 * 256 - n) OVER (ORDER BY n), id, account, folder, uid, modseq, conversation,
        delivery_key, blob, size, received_at, seen, flagged, own, has_attachments, received_at,
        strftime('%s', 'now') * 1000, names, reverse_path, bcc, description, verdict
    FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY received_at, id) AS n FROM message)
    """,
    "DROP TABLE message",
    "ALTER TABLE message_2 RENAME TO message",
    "CREATE UNIQUE INDEX message_key ON message (account, delivery_key)",
    "CREATE UNIQUE INDEX message_uid ON message (account, folder, uid)",
    "CREATE INDEX message_conversation ON message (account, conversation, received_at, id)",
    "CREATE INDEX message_blob ON message (blob)",
    "CREATE INDEX message_sleeping ON message (snoozed_until) WHERE snoozed_until > 0",
    "CREATE INDEX message_ageing ON message (folder, moved_at) WHERE folder IN ('trash', 'spam', 'deleted')",
    "ALTER TABLE conversation ADD COLUMN labels TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE conversation ADD COLUMN snoozed_until INTEGER NOT NULL DEFAULT 0",
    # What an account keeps, and the number of its next folder or label.
    "ALTER TABLE change_seq ADD COLUMN octets INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE change_seq ADD COLUMN messages INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE change_seq ADD COLUMN next_id INTEGER NOT NULL DEFAULT 1",
    """
    UPDATE change_seq SET octets = found.octets, messages = found.messages
        FROM (SELECT account, SUM(size) AS octets, COUNT(*) AS messages FROM message GROUP BY account) AS found
        WHERE found.account = change_seq.account
    """,
    # `folded`: the name as people take it for the same.
    """
    CREATE TABLE own_folder (
        account TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, folded TEXT NOT NULL, PRIMARY KEY (account, id)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE UNIQUE INDEX own_folder_name ON own_folder (account, folded)",
    """
    CREATE TABLE label (
        account TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, folded TEXT NOT NULL, colour TEXT NOT NULL,
        PRIMARY KEY (account, id)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE UNIQUE INDEX label_name ON label (account, folded)",
    # How to take an action back: what the messages of each of its steps were like before.
    """
    CREATE TABLE undo (
        account TEXT NOT NULL, token TEXT NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL, content TEXT NOT NULL,
        PRIMARY KEY (account, token, n)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX undo_at ON undo (at)",
    # Search. The index keeps no text; `message_text` has it compressed, for snippets and to take it out again.
    # `unindexed` has its text and waits for others, because they are indexed together at half the cost; `textless`
    # was filed before.
    "CREATE TABLE message_text (number INTEGER PRIMARY KEY, text BLOB NOT NULL) STRICT",
    """
    CREATE TABLE unindexed (
        account TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (account, number)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TABLE textless (number INTEGER PRIMARY KEY) STRICT",
    "INSERT INTO textless SELECT number FROM message",
    """
    CREATE VIRTUAL TABLE message_index USING fts5 (
        subject, author, recipients, body, parts, facets,
        content = '', columnsize = 0, tokenize = "ascii tokenchars '.'"
    )
    """,
    # Its terms, for the check to read.
    "CREATE VIRTUAL TABLE message_terms USING fts5vocab (message_index, row)",
    "INSERT INTO message_index (message_index, rank) VALUES ('automerge', 16)",
    "INSERT INTO message_index (message_index, rank) VALUES ('crisismerge', 64)",
)

_RULES = (
    # How an account sorts its mail, and its answer while its person is away ('': none), both JSON. Rows stay when both
    # are empty: a generation never comes twice.
    """
    CREATE TABLE ruleset (
        account TEXT PRIMARY KEY REFERENCES account, generation INTEGER NOT NULL, rules TEXT NOT NULL,
        vacation TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    # Who got that answer, because of which message; `done` 1: it is on its way.
    """
    CREATE TABLE answered (
        account TEXT NOT NULL, sender TEXT NOT NULL, at INTEGER NOT NULL, message TEXT NOT NULL, done INTEGER NOT NULL,
        PRIMARY KEY (account, sender)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX answered_at ON answered (account, at)",
)

_DRAFTS = (
    # Messages being written. `content` is what was typed, as JSON; a row outlives its message for a while, so that what
    # was sent does not come back with a revision that arrives late.
    """
    CREATE TABLE draft (
        account TEXT NOT NULL, key TEXT NOT NULL, message TEXT NOT NULL, revision INTEGER NOT NULL,
        touched_at INTEGER NOT NULL, sent INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY (account, key)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX draft_message ON draft (message)",
    "CREATE INDEX draft_touched ON draft (touched_at)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _FIRST,
    _TRACES,
    _HOLD,
    _SUPPRESSIONS,
    _ALIASES,
    _KEY_TIMES,
    _STS,
    _VERDICTS,
    _MAILBOXES,
    _RULES,
    _DRAFTS,
)
"""Step n leads from schema version n to n + 1. Steps are only ever added."""


def migrate(connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...] = MIGRATIONS) -> int:
    """Bring the file to the newest schema; how many steps were taken. Each step is one transaction.

    Raises SchemaRefused, with nothing changed, for a file of another program or of a newer version of this one.
    """
    steps = 0
    while True:
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection, len(migrations))
            if version < len(migrations):
                for statement in migrations[version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if version == len(migrations):
            return steps
        steps += 1


def _version(connection: sqlite3.Connection, newest: int) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    empty = connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0] == 0
    if application != APPLICATION_ID and not (empty and version == 0 and application == 0):
        raise SchemaRefused("the database file belongs to another program; choose another path")
    if version > newest:
        raise SchemaRefused(
            f"the database has schema version {version} and this program knows versions up to {newest}: "
            "it was used by a newer mailsuite. Install that version again, or restore a backup made before"
        )
    return version
