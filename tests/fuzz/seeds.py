"""The corpus that fuzzing begins with, made of field cases: python -m tests.fuzz.seeds writes tests/corpora/fuzz.

F numbers are those of the case; the word behind it says which input.
"""

# ruff: noqa: E501 (an input stands on one line)

from __future__ import annotations

import shutil
from pathlib import Path

from tests.fuzz import dns_seeds
from tests.mailauth.support import MESSAGE
from tests.mime import tnef_files as write
from tests.mime.vectors import VECTORS

FOLDER = Path(__file__).parents[1] / "corpora" / "fuzz"

START = b"EHLO c.example\r\nMAIL FROM:<ann@alpha.example>\r\nRCPT TO:<bob@beta.example>\r\n"
PLAIN, ALL = b"\x00abc", b"\x1fabc"
"""Heads: all flags off, and the lowest five on."""

SMTP_COMMANDS = {
    "F001_bare_lf": START + b"DATA\r\nSubject: a\r\n\r\none\n.\nMAIL FROM:<x@evil.example>\r\nDATA\r\ntwo\r\n.\r\nNOOP\r\n",
    "F006_long": b"A" * 400 + b"\r\nNOOP\r\n",
    "F009_short": b"AUTH\r\nAUTH  \r\nMAIL\r\nRCPT TO:\r\nEHLO\r\nEHLO x\r\nMAIL FROM:<a@b.example> SIZE=\r\n",
    "F009_parameters": b"EHLO x\r\nMAIL FROM:<a@b.example> X=Y\r\nMAIL FROM:<a@b.example>\r\nDATA now\r\nNOOP\r\n",
    "F010_glued": b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<a@b.example>\r\n",
    "F014_recipients": b'EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nRCPT TO:<"a b"@beta.example>\r\n'
    b"RCPT TO:<@relay.example:u@beta.example>\r\nRCPT TO:<u@[198.51.100.2]>\r\nRCPT TO:<u%other@beta.example>\r\n",
    "F014_faults": b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<u@[IPv6:2001:db8:5::2]>\r\nRCPT TO:<u@>\r\nRCPT TO:<" + b"l" * 65
    + b"@beta.example>\r\nRCPT TO:<u@BETA.EXAMPLE>\r\n",
    "F068_dsn": b"EHLO x\r\nMAIL FROM:<a@b.example> RET=HDRS ENVID=QQ+2B\r\n"
    b"RCPT TO:<c@d.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@x.example\r\nRSET\r\n",
    "chunks": START + b"BDAT 5\r\nSubjeBDAT 9 LAST\r\nct: x\r\n\r\nQUIT\r\n",
    "login": b"EHLO x\r\nAUTH PLAIN AGEAcmlnaHQ=\r\nAUTH LOGIN\r\nYQ==\r\ncmlnaHQ=\r\nAUTH LOGIN\r\n*\r\n",
    "utf8": "EHLO x\r\nMAIL FROM:<ä@bücher.example> SMTPUTF8 BODY=8BITMIME\r\nRCPT TO:<ü@b.example>\r\nVRFY x\r\n".encode(),
}  # fmt: skip

SMTP_CONTENT = {
    "F001_bare_lf": b"Subject: a\r\n\r\none\n.\nMAIL FROM:<x@evil.example>\r\nDATA\r\nSubject: b\r\n\r\ntwo\r\n.\r\n",
    "F001_lf_dot": b"Subject: a\r\n\r\none\n.\r\ntwo\r\n.\r\n",
    "F001_dot_lf": b"Subject: a\r\n\r\none\r\n.\ntwo\r\n.\r\n",
    "F003_dots": b".\r\n",
    "F005_unstuff": b"..\r\n...x\r\n..\r\n.y\r\n.\r\n",
    "F007_long_line": b"Subject: x\r\n\r\n" + b"x" * 110 + b"\r\n.\r\n",
    "large": b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 55 + b".\r\n",
    "fields": b"A: 1\r\n" * 9 + b"\r\n.\r\n",
    "header": b"A: 1\r\n" + b" folded folded folded\r\n" * 9 + b"\r\n.\r\n",
    "loop": b"Received: x\r\nrECEIVED: y\r\n z\r\n" * 2 + b"\r\ntext\r\n.\r\n",
}

REPORT = (
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nsorry\r\n--b\r\n"
    b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.b.example\r\n\r\n"
    b"Original-Recipient: rfc822; a+2Bb@x.example\r\nFinal-Recipient: utf-8; \\x{E4}@x.example\r\nAction: failed\r\n"
    b"Status: 5.1.1\r\nRemote-MTA: dns; mx.x.example\r\nDiagnostic-Code: smtp; 550 5.1.1 no\r\n\r\n"
    b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: x\r\n--b--\r\n"
)
HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"

MIME_MESSAGE = {
    "F016_charset": b"Content-Type: text/plain; charset=uft-8\r\n\r\ncaf\xc3\xa9\r\n",
    "F016_iso_8859_8_i": b"Content-Type: text/plain; charset=iso-8859-8-i\r\n\r\n\xf9\xec\xe5\xed\r\n",
    "F018_charset": b"Content-Type: text/plain; charset*=us-ascii''utf-8\r\n\r\ncaf\xc3\xa9\r\n",
    "F019_name": b"Content-Type: application/pdf; name=x.exe\r\nContent-Disposition: attachment;\r\n filename*0*="
    b"utf-8''%C3%A4%20long%20; filename*1*=name.p; filename*2=df\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n",
    "F021_segments": b"Content-Disposition: attachment; " + b"; ".join(b"filename*%d*=a" % n for n in range(40)) + b"\r\n\r\n",
    "F022_dates": b"Date: 3 May , 2026\r\nDate: Fri, 3 May 2026 08:00:00 +0200 (GMT+02:00)\r\nSubject: x\r\n\r\n",
    "F022_zone": b"Date: Fri, 3 May 2026 08:00:00 -0-100 -0700\r\n\r\n",
    "F024_groups": b"To: undisclosed-recipients:;\r\nCc: Team: x@a.example, y@b.example;, ;\r\nFrom: \r\n\r\n",
    "F025_from": b'From: shop@a.example, "Reply-To:shop"@a.example\r\nReply-To: a@b.example <a@b.example\r\n\r\n',
    "F027_raw": b"Subject: \xc4\xe3\xba\xc3\r\nFrom: Andr\xe9 <a@b.example>\r\nContent-Language: zh-CN\r\n\r\n",
    "F028_words": b"Subject: =?utf-8?q?pasi=C5=BEad=C4?= =?utf-8?q?=97tas?= =?utf-8?b?cGFzacW+YW?= =?utf-8?b?TEl3Rhcw==?=\r\n\r\n",
    "F031_nested": b"Content-Type: message/rfc822\n\n" * 40,
    "F031_multipart": b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(35)),
    "F033_slow": b"To: " + b"," * 90 + b"(" * 90 + b"\r\nSubject: " + b"=?utf-8?q?=C3?= " * 30 + b"\r\n\r\n",
    "F035_ids": b"Message-Id: <1@a.example>\r\nMessage-ID: <2@a.example>\r\nReferences: <3@a.example> <4@a.example>\r\n\r\n",
    "F094_bidi": b"Content-Disposition: attachment; filename*=utf-8''%E2%80%AEfdp.exe\r\n\r\n",
    "alternative": b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nHi, see www.a.example and > x\r\n> q\r\n"
    b"--b\r\n" + HTML + b"<style>p{color:red}</style><p>Hi <img src=cid:1></p>\r\n--b--\r\n",
    "quoted_printable": b"Content-Type: text/plain; charset=iso-2022-jp\r\nContent-Transfer-Encoding: quoted-printable\r\n"
    b"\r\n=1B$B%F%9%H=1B(B=\r\nx\r\n",
    "report": REPORT,
    "digest": b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\ny\r\n--b--\r\n",
} | {f"F081_{n:02}": HTML + "".join(VECTORS[n : n + 6]).encode() for n in range(0, len(VECTORS), 6)}  # fmt: skip

ED25519 = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
SIGNATURE = (
    b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/simple; d=alpha.example; i=@alpha.example; s=e1; t=1; x=9999999999;\r\n"
    b"\th=from:to:subject:from; q=dns/txt;\r\n\tbh=MAGmoBb8pDKNo8lQzFYxuyyWm+VoMDSgqKv0WAaWUA8=; b=AAAA\r\n\t AAAA\r\n"
)
DKIM = {
    "F040_spaces": ED25519 + b"\0" + SIGNATURE + b"From: a@alpha.example\r\n\r\nHi\r\n\t\r\n \r\nx\r\n",
    "F040_no_crlf": ED25519 + b"\0" + SIGNATURE + b"From: a@alpha.example\r\n\r\nHi",
    "F042_two_from": ED25519 + b"\0" + b"From: ceo@alpha.example\r\n" + SIGNATURE + MESSAGE,
    "F044_length": ED25519 + b"\0" + SIGNATURE.replace(b"q=dns/txt", b"l=2") + MESSAGE,
    "F044_too_long": ED25519 + b"\0" + SIGNATURE.replace(b"q=dns/txt", b"l=99999") + MESSAGE,
    "F045_revoked": b"v=DKIM1; p=\0" + SIGNATURE + MESSAGE,
    "F045_backslash": b"v=DKIM1\\; k=rsa\\; p=AAAA\0" + SIGNATURE + MESSAGE,
    "F045_rsa": b"v=DKIM1; h=sha256; s=email; t=y:s; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK\0" + SIGNATURE + MESSAGE,
    "F050_list": ED25519 + b"\0" + b"List-Unsubscribe: <https://a.example>\r\nList-Unsubscribe-Post: x\r\n" + MESSAGE,
    "arc": ED25519 + b"\0ARC-Seal: i=1; a=ed25519-sha256; cv=none; d=a.example; s=s; b=AAAA\r\nARC-Message-Signature: i=1;"
    b" a=ed25519-sha256; c=relaxed/relaxed; d=a.example; s=s; h=from; bh=AAAA; b=AAAA\r\n"
    b"ARC-Authentication-Results: i=1; a.example; spf=pass\r\n" + MESSAGE,
}  # fmt: skip

SPF = {
    "F037_mx": b"mx.a.example\0alpha.example\0v=spf1 mx ~all",
    "F038_itself": b"mx.a.example\0alpha.example\0v=spf1 include:%{ir}.%{d}._s.%{d} -all",
    "F038_ring": b"h.example\0a.example\0v=spf1 include:b.example -all\0v=spf1 include:a.example -all\0v=spf1 a ?all",
    "macros": b"mx.a.example\0alpha.example\0v=spf1 exists:%{l1r-}.%{ir}.%{v}.%{d2}.x.example -all exp=e.%{h}\0%{i} %{c} %{t} %{r}",
    "ptr": b"mx.a.example\0alpha.example\0v=spf1 ptr ptr:alpha.example redirect=_spf.%{o}",
    "networks": b"mx.a.example\0alpha.example\0v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 a/24//64 mx:b.example/0 -all",
    "null": b"mx.alpha.example\0\0v=spf1 a -all",
}

DMARC = {
    "F024_no_from": b"Subject: x\0\0\0v=DMARC1; p=none",
    "F042_two_from": b"From: a@alpha.example\r\nFrom: b@other.example\0\0\0v=DMARC1; p=reject",
    "F047_mailboxes": b"From: a@alpha.example, b@other.example\0other.example\0alpha.example\0v=DMARC1; p=reject; sp=none",
    "F048_deep": b"From: a@a.b.c.d.e.f.g.h.i.example\0x.g.h.i.example\0h.i.example\0v=DMARC1; p=none; psd=y\0x\0v=DMARC1;psd=n",
    "F048_version": b"From: a@alpha.example\0\0\0V=dmarc1; p=reject\0v=DMARC1; p=bad; rua=mailto:x@y.example\0v=DMARC1",
    "F094_idn": "From: a@bücher.example\0b.bücher.example\0xn--bcher-kva.example\0v=DMARC1; p=quarantine; t=y; np=reject".encode(),
    "results": b'mx.beta.example; spf=pass (x) reason="a \\" b" smtp.mailfrom=a.example; dkim=fail header.d=b.example\0\0\0',
}  # fmt: skip

TNEF = {
    "F030_usual": write.USUAL,
    "F030_cut": write.USUAL[:200],
    "F030_attributes": write.tnef(write.attribute(1, 0x00069999, b"x") * 30, key=7),
    "within": write.tnef(
        write.attribute(2, write.BEGIN, bytes(14)),
        write.attribute(
            2, write.FILE_PROPERTIES, write.props(write.prop(write.OBJECT, 0x3701, write.MESSAGE_OBJECT + write.USUAL))
        ),
    ),
}

CORPUS = {
    "smtp_commands": SMTP_COMMANDS, "smtp_content": SMTP_CONTENT, "mime_message": MIME_MESSAGE, "dkim": DKIM,
    "spf": SPF, "dmarc": DMARC, "tnef": TNEF, **dns_seeds.CORPUS,
}  # fmt: skip

WHOLE = ("mime_message", "tnef", *dns_seeds.CORPUS)
"""Targets that take an input without a head."""

WORDS = {
    "smtp_commands": "EHLO |HELO |MAIL FROM:<|RCPT TO:<|>|DATA|BDAT | LAST|RSET|NOOP|QUIT|VRFY |STARTTLS|AUTH PLAIN |AUTH LOGIN|"
    "AGEAcmlnaHQ=| SIZE=| BODY=8BITMIME| SMTPUTF8| RET=FULL| ENVID=| NOTIFY=NEVER| ORCPT=rfc822;| REQUIRETLS|\r\n|\r\n.\r\n|"
    "@b.example|[192.0.2.1]|[IPv6:::1]|postmaster|\"|\\|*|=",
    "smtp_content": "\r\n.\r\n|\r\n..|\r\n|\n.\n|\r.\r|\n.\r\n|\r\n.\n|Received: |\r\n |\r\n\t|\r\n\r\n|.\r\n|A: b\r\n",
    "mime_message": "Content-Type: |multipart/mixed|multipart/alternative|multipart/report|message/delivery-status|message/rfc822|"
    "text/html|text/plain|; boundary=b|--b\r\n|--b--|; charset=|utf-7|iso-2022-jp|hz-gb-2312|gb18030|Content-Transfer-Encoding: |"
    "base64|quoted-printable|Content-Disposition: attachment; |filename*0*=utf-8''|; name=|Subject: |From: |To: |Date: |"
    "Message-ID: <|References: |=?utf-8?q?|=?utf-8?b?|?=|\r\n|\r\n\r\n|<script>|</style>|<style>|<!--|-->|<svg>|<math>|<a href=|"
    "<img src=|cid:|style=|url(|@import|onload=|&#|<table>|<p>|Action: failed\r\n|Final-Recipient: rfc822; |Status: ",
    "dkim": "DKIM-Signature: |v=1; |a=rsa-sha256; |a=ed25519-sha256; |c=relaxed/relaxed; |c=simple/simple; |d=alpha.example; |s=e1; |"
    "h=from; |bh=|b=|i=@|l=|t=|x=|q=dns/txt; |v=DKIM1; |k=ed25519; |k=rsa; |p=|ARC-Seal: i=1; |ARC-Message-Signature: i=1; |"
    "ARC-Authentication-Results: i=1; |cv=none; |From: |\r\n|\r\n\t|\r\n\r\n| \r\n",
    "spf": "v=spf1 |include:|exists:|redirect=|exp=|ip4:|ip6:|mx|ptr|all|%{d}|%{ir}|%{l}|%{s}|%{o}|%{v}|%{h}|%{p}|%{c}|%{r}|%{t}|%{d1r-}|"
    "%%|%_|%-|/24|//64|.example|-all|~all|?all",
    "dmarc": "From: |v=DMARC1;| p=reject;| p=quarantine;| p=none;| sp=| np=| psd=y;| psd=n;| psd=u;| t=y;| adkim=s;| aspf=s;|"
    " rua=mailto:a@b.example|@|.example|xn--|; spf=pass|; dkim=pass|reason=\"|header.from=|(|)|\"|<|>|,",
    "tnef": "x\x02\x01\x00|\x13\x10|\x01\x37|\x1f\x00|\x1e\x00|\x0d\x00|\x00\x10|<script>|<p style=",
    **dns_seeds.WORDS,
}  # fmt: skip


def main() -> None:
    """Write all anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for target, cases in CORPUS.items():
        (FOLDER / target).mkdir(parents=True)
        for name, octets in cases.items():
            heads = [b""] if target in WHOLE else [PLAIN, ALL]
            for number, head in enumerate(heads):
                (FOLDER / target / f"{name}_{number}").write_bytes(head + octets)
        lines = (
            '"' + "".join(f"\\x{octet:02X}" for octet in word.encode("latin-1")) + '"\n'
            for word in WORDS[target].split("|")
        )
        (FOLDER / f"{target}.dict").write_text("".join(lines), "ascii")


if __name__ == "__main__":
    main()
