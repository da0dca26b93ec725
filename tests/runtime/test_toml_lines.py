"""The lines of keys, against tomllib's own reading."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.runtime.toml_lines import lines_of

BARE = st.from_regex(r"\A[A-Za-z0-9_-]{1,8}\Z")
QUOTED = st.text(st.sampled_from("ab.#='[]{} \t"), max_size=6).map(lambda s: f'"{s}"')
VALUES = st.sampled_from(
    [
        "1",
        "true",
        '"text"',
        "'lit # eral'",
        '"a \\" ] # b"',
        '"""one\n[two]\nthree = "3" \\"""\n"""',
        "'''\n# [x]\ny = 1\n'''",
        "[1, 2]",
        '[\n  "a", # ]\n  "b = 1",\n]',
        "[[1], [\n2]]",
        '{ a = 1, b = "}" }',
        "1979-05-27T07:32:00Z",
    ]
)
COMMENTS = st.sampled_from(["", " # a = [", "\n\n# [not.a.table]\n#x = 1", "\t"])


@st.composite
def files(draw: st.DrawFn) -> tuple[str, dict[tuple[str, ...], int]]:
    """A file and where its keys are, written down while it is made."""
    text = ""
    expected: dict[tuple[str, ...], int] = {}
    tables = [None, *draw(st.lists(BARE | QUOTED, max_size=4, unique=True))]
    for table in tables:
        path: tuple[str, ...] = ()
        if table is not None:
            path = (table.strip('"').replace("\\t", "\t"),)
            expected[path] = text.count("\n") + 1
            text += f"[{table}]{draw(COMMENTS)}\n"
        keys = draw(st.lists(BARE | QUOTED, max_size=4, unique_by=lambda key: key.strip('"')))
        for key in keys:
            expected[(*path, key.strip('"'))] = text.count("\n") + 1
            text += f"{draw(st.sampled_from(['', '  ']))}{key} = {draw(VALUES)}{draw(COMMENTS)}\n"
    return text, expected


class LinesTests(SynchronousTestCase):
    """Every key is found where it stands."""

    @given(files())
    def test_generated_files(self, made: tuple[str, dict[tuple[str, ...], int]]) -> None:
        """Comments, strings and lists of several lines hide no key and invent none."""
        text, expected = made
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return  # a table that a key above it forbids
        self.assertEqual(lines_of(text), expected)

    def test_dotted_keys(self) -> None:
        """A dotted key places its tables too."""
        found = lines_of('\n[a."b.c"]\nd.e = 1\n')
        self.assertEqual(found, {("a", "b.c"): 2, ("a", "b.c", "d"): 3, ("a", "b.c", "d", "e"): 3})

    def test_the_last_line_needs_no_end(self) -> None:
        """A file may end without a line end."""
        self.assertEqual(lines_of("[a]\nb = 1"), {("a",): 1, ("a", "b"): 2})
