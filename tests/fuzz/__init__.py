"""Fuzzing with coverage: one module for each target, whose ``check`` takes any octets and raises for a fault of ours.

``run.py`` runs them (Atheris); ``seeds.py`` made the corpus that they begin with.
"""

from __future__ import annotations

TARGETS = (
    *("smtp_commands", "smtp_content", "mime_message", "dkim", "spf", "dmarc", "tnef"),
    *("dns_query", "dns_response", "dns_zone", "dns_blocklist"),
)
