"""Into mailboxes."""
