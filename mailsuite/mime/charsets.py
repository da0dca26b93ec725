"""Octets to text whatever their charset is called (RFC 2978; labels as in the WHATWG Encoding standard).

Names from outside never reach ``codecs.lookup``: it imports modules by name, remembers every miss, and knows codecs
that are no charsets or are slow.
"""

from __future__ import annotations

import re
from encodings.aliases import aliases

from mailsuite.mime.clean import scrub

_WEB = {
    "latin_1": ("cp1252",),
    "iso8859_9": ("cp1254",),
    "iso8859_11": ("cp874",),
    "tis_620": ("cp874",),
    "gb2312": ("gb18030",),
    "gbk": ("gb18030",),
    "gb18030": ("gb18030",),
    "big5": ("big5hkscs", "cp950"),
    "big5hkscs": ("big5hkscs", "cp950"),
    "cp950": ("cp950", "big5hkscs"),
    "shift_jis": ("cp932",),
    "cp932": ("cp932",),
    "euc_jp": ("euc_jp", "euc_jis_2004"),
    "euc_kr": ("cp949",),
    "cp949": ("cp949",),
    "iso2022_jp": ("iso2022_jp", "iso2022_jp_ext"),
}
"""Codecs that are tried for a charset, in order: mail means the larger set when it names the smaller one."""

_OTHERS = """
    utf_7 utf_8 utf_16 utf_16_le utf_16_be utf_32 utf_32_le utf_32_be hz iso2022_kr iso2022_jp_1 iso2022_jp_2
    iso2022_jp_2004 iso2022_jp_3 iso2022_jp_ext johab koi8_r koi8_t koi8_u kz1048 ptcp154 mac_cyrillic mac_greek
    mac_iceland mac_latin2 mac_roman mac_turkish iso8859_2 iso8859_3 iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8
    iso8859_10 iso8859_13 iso8859_14 iso8859_15 iso8859_16 cp437 cp850 cp852 cp855 cp857 cp858 cp860 cp861 cp862 cp863
    cp864 cp865 cp866 cp869 cp874 cp1125 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258
    shift_jis_2004 euc_jis_2004
"""

_EXTRA = {
    "iso8859_8_i": "iso8859_8",
    "iso8859_8_e": "iso8859_8",
    "x_gbk": "gb18030",
    "x_sjis": "cp932",
    "x_mac_roman": "mac_roman",
    "x_mac_cyrillic": "mac_cyrillic",
    "x_euc_jp": "euc_jp",
    "cp50220": "iso2022_jp",
    "windows_874": "cp874",
    "windows_949": "cp949",
    "windows_31j": "cp932",
    "windows_936": "gb18030",
}

_NOT_WORD = re.compile(r"[^a-z0-9]+")


def _label(name: str) -> str:
    label = _NOT_WORD.sub("_", name.lower()).strip("_")
    return label.replace("iso_8859", "iso8859").replace("cp_", "cp")


def _table() -> dict[str, tuple[str, ...]]:
    codecs = {name: (name,) for name in _OTHERS.split()} | _WEB
    table = {_label(name): value for name, value in codecs.items()}
    for alias, codec in aliases.items():
        if codec in codecs:
            table.setdefault(_label(alias), codecs[codec])
    for label, codec in _EXTRA.items():
        table[label] = codecs[codec]
    for name in _OTHERS.split():
        if name.startswith("cp125"):
            table[f"x_{name}"] = codecs[name]
    return table


_CODECS = _table()
_GUESSED = frozenset({"", "us_ascii", "ascii", "ansi_x3_4_1968", "utf_8", "utf8", "unknown_8bit", "8bit", "7bit"})
"""Labels that say no more than what a guess would find."""

_BY_LANGUAGE = {
    "ar": "cp1256",
    "bg": "cp1251",
    "cs": "cp1250",
    "el": "cp1253",
    "he": "cp1255",
    "hu": "cp1250",
    "ja": "cp932",
    "ko": "cp949",
    "pl": "cp1250",
    "ru": "cp1251",
    "sk": "cp1250",
    "th": "cp874",
    "tr": "cp1254",
    "uk": "cp1251",
    "zh": "gb18030",
}


def known(label: str) -> bool:
    """Is this the name of a charset, or one of the empty phrases such as "us-ascii" and ""?"""
    name = _label(label)
    return name in _CODECS or name in _GUESSED


def charset_of_language(tag: str) -> str:
    """The old 8-bit charset that mail in a language (a tag as in Content-Language) most likely has, or ""."""
    return _BY_LANGUAGE.get(tag.strip()[:2].lower(), "")


def decode(data: bytes, label: str = "") -> str:
    """Text of ``data``: by the label when it is known, else UTF-8, else windows-1252. Never raises."""
    if data.isascii() and b"\x1b" not in data and b"~" not in data and b"+" not in data and b"\x00" not in data:
        return data.decode("ascii")
    name = _label(label)
    if name in _GUESSED:
        return _guess(data)
    codecs = _CODECS.get(name)
    if codecs is None:
        return _guess(data)
    for codec in codecs:
        try:
            return scrub(data.decode(codec))
        except ValueError:
            continue
    if not data.isascii():
        try:
            return data.decode("utf-8")
        except ValueError:
            pass
    return scrub(data.decode(codecs[0], "replace"))


def _guess(data: bytes) -> str:
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode("utf-8")
    except ValueError:
        pass
    text = data.decode("utf-8", "replace")
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    # A few broken characters in UTF-8 (cut, or mixed): the rest is still right.
    if 2 * text.count("\ufffd") <= foreign:
        return text
    return data.decode("cp1252", "replace")
