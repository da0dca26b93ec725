"""Names of parts, and what their octets are."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.part_name import part_name
from mailsuite.mime.sniff import shown_type
from mailsuite.mime.structure import structure


class PartNameTests(SynchronousTestCase):
    """part_name."""

    def test_by_type(self) -> None:
        """The parts of a report, an invitation and files of known types say what they are."""
        for content_type, name in (
            ("message/delivery-status", "delivery-status.txt"),
            ("message/disposition-notification", "disposition-notification.txt"),
            ("text/rfc822-headers", "headers.txt"),
            ("text/calendar; method=REQUEST", "invitation.ics"),
            ("image/jpeg", "part-1.jpg"),
            ("application/pdf", "part-1.pdf"),
            ("application/x-unheard-of", "part-1"),
            ('application/pdf; name="a.pdf"', "a.pdf"),
        ):
            part = structure(f"Content-Type: {content_type}\r\n\r\nx\r\n".encode())
            self.assertEqual(part_name(part), name)

    def test_attached_message_in_base64(self) -> None:
        """One that is encoded against RFC 2046 section 5.2.1 is not looked into, and has a name all the same."""
        part = structure(b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeA==")
        self.assertEqual(part_name(part), "message.eml")


class ShownTypeTests(SynchronousTestCase):
    """shown_type."""

    def test_signatures(self) -> None:
        """The beginnings in the standards of the formats; nothing that only resembles one."""
        for content, content_type in (
            (bytes.fromhex("89504e470d0a1a0a0000000d"), "image/png"),
            (bytes.fromhex("ffd8ffe000104a464946"), "image/jpeg"),
            (b"GIF87a", "image/gif"),
            (b"GIF89a", "image/gif"),
            (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
            (b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00", "image/avif"),
            (b"%PDF-1.4\n", "application/pdf"),
            (b"\x89PNG", ""),
            (b"RIFF\x24\x00\x00\x00WAVEfmt ", ""),
            (b"\x00\x00\x00\x20ftypisom", ""),
            (b" %PDF-1.4", ""),
            (b"<svg/>", ""),
            (b"", ""),
        ):
            self.assertEqual(shown_type(content), content_type, content)
