"""The encoding of files of people: recognised without a doubt, or guessed and said."""

import io
from pathlib import Path

import pytest

from mailer.errors import InputError
from mailer.intake import text_encoding

PATH = Path("people.csv")
WESTERN = "email;name\nana@example.org;Ana Müller\nbo@example.org;François Lefèvre, Côte d’Azur\n"
LONG_WESTERN = WESTERN + "x@example.org;\xa0José Nuñez\xa0\ny@example.org;Øystein Ås – Oslo\n"
POLISH = "email;imię\na@example.org;Łukasz Żółć\nb@example.org;Święta Dvořáková Šťastná\n"
RUSSIAN = "email;имя\na@example.org;Анна Иванова\nb@example.org;Борис Петров\n"
ARABIC = "email;الاسم\na@example.org;محمد علي\nb@example.org;فاطمة الزهراء\n"


def read_text(raw: bytes, stated: str = "") -> tuple[str, text_encoding.TextEncoding]:
    file = io.BytesIO(raw)
    encoding = text_encoding.detect_encoding(PATH, file, stated)
    return "".join(text_encoding.decode_lines(PATH, file, encoding.name)), encoding


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize("text", [WESTERN, RUSSIAN, "email\n"])
def test_unicode_is_recognised(text: str, encoding: str) -> None:
    assert read_text(text.encode(encoding))[0] == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (WESTERN, "cp1252"),
        (LONG_WESTERN, "cp1252"),
        ("email;name\na@example.org;Zoë MÜLLER\n", "cp1252"),
        (POLISH, "cp1250"),
        (RUSSIAN, "cp1251"),
        (ARABIC, "cp1256"),
    ],
)
def test_old_encoding_is_guessed_and_said(text: str, encoding: str) -> None:
    decoded, guess = read_text(text.encode(encoding))
    assert (decoded, guess.name) == (text, encoding)
    assert guess.note.startswith(f"read as {encoding}, which gives ")


def test_stated_encoding_is_taken() -> None:
    assert read_text("Müller\n".encode("mac_roman"), "mac-roman")[0] == "Müller\n"
    with pytest.raises(InputError, match="line 1: byte 0xfc is not UTF-8"):
        read_text("Müller\n".encode("cp1252"), "utf-8")
    with pytest.raises(InputError, match="'klingon' is not an encoding"):
        read_text(b"", "klingon")


def test_mixed_encodings_are_refused() -> None:
    with pytest.raises(InputError, match="line 2: byte 0xfc is not UTF-8, though line 1 is UTF-8"):
        read_text("Zoë\n".encode() + "Müller\n".encode("cp1252"))


def test_broken_utf_16_is_refused() -> None:
    with pytest.raises(InputError, match="the file is not UTF-16"):
        read_text("email\nana".encode("utf-16") + b"\x00")
