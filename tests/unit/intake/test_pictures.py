"""What a picture is, held against what Pillow says of it."""

from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from mailer.errors import InputError
from mailer.intake.pictures import LARGEST, MOST_PIXELS, PictureFacts, inspect_picture
from tests.conftest import ROOT

TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}


def drawn(kind: str, width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    made = BytesIO()
    Image.new(mode, (width, height), 1).save(made, kind, **options)
    return made.getvalue()


def refused(data: bytes) -> str:
    with pytest.raises(InputError) as raised:
        inspect_picture(data, "boats.jpg")
    assert raised.value.where == "boats.jpg"
    assert raised.value.hint
    return raised.value.message


@given(st.sampled_from(sorted(TYPES)), st.integers(1, 300), st.integers(1, 300))
def test_size_and_type_are_those_of_the_picture(kind: str, width: int, height: int) -> None:
    assert inspect_picture(drawn(kind, width, height), "") == PictureFacts(
        TYPES[kind], width, height
    )


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("JPEG", "RGB", {"progressive": True, "icc_profile": bytes(200_000), "comment": b"boats"}),
        ("JPEG", "L", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}),
        ("JPEG", "CMYK", {"restart_marker_blocks": 1}),
        ("PNG", "RGBA", {"optimize": True}),
        ("PNG", "1", {"icc_profile": bytes(200_000)}),
        ("GIF", "P", {"transparency": 0}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("WEBP", "RGBA", {"quality": 50}),
        ("WEBP", "RGB", {"quality": 50, "icc_profile": bytes(200)}),
    ],
)
def test_every_kind_of_each_format_is_read(
    kind: str, mode: str, options: dict[str, object]
) -> None:
    assert inspect_picture(drawn(kind, 31, 17, mode, **options), "") == PictureFacts(
        TYPES[kind], 31, 17
    )


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_one_that_moves_has_the_size_of_its_canvas(kind: str) -> None:
    more = [Image.new("RGB", (31, 17), n) for n in range(20)]
    data = drawn(kind, 31, 17, save_all=True, append_images=more)
    assert inspect_picture(data, "") == PictureFacts(TYPES[kind], 31, 17)


def test_the_largest_that_is_taken_has_50_megapixels() -> None:
    facts = inspect_picture(drawn("PNG", 10_000, MOST_PIXELS // 10_000, "1"), "")
    assert facts.width * facts.height == MOST_PIXELS
    assert "50 megapixels (10000 × 5001)" in refused(drawn("PNG", 10_000, 5001, "1"))


def test_a_file_over_20_mb_is_refused() -> None:
    whole = drawn("JPEG", 9, 9)
    inspect_picture(whole + bytes(LARGEST - len(whole)), "")
    assert "20 MB" in refused(whole + bytes(LARGEST - len(whole) + 1))


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "PPM", "TGA", "JPEG2000"])
def test_other_formats_are_refused(kind: str) -> None:
    assert "no picture that mails can show" in refused(drawn(kind, 32, 32))


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF", b"<svg/>", b"%PDF-1.7", b"RIFF\0\0\0\0WAVE", b"\xff\xd8", b"\x89PNG\n\x1a\n\n"],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    assert "no picture that mails can show" in refused(data)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_one_that_is_cut_off_before_its_size_is_refused(kind: str) -> None:
    whole = drawn(kind, 31, 17)
    needed = next(n for n in range(len(whole)) if _taken(whole[:n]))
    for length in range(needed):
        refused(whole[:length])


def _taken(data: bytes) -> bool:
    try:
        inspect_picture(data, "")
    except InputError:
        return False
    return True


def test_a_side_of_nothing_is_refused() -> None:
    assert "without a size" in refused(b"GIF89a\0\0\x09\0" + bytes(9))
    jpeg = bytearray(drawn("JPEG", 31, 17))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 2] = b"\0\0"
    assert "without a size" in refused(bytes(jpeg))


def test_a_header_that_its_crc_belies_is_refused() -> None:
    data = drawn("PNG", 31, 17)
    assert "broken" in refused(data.replace(b"\0\0\0\x1f", b"\0\0\0\x1e"))


_STARTS = [
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"RIFF\0\0\0\0WEBPVP8",
    b"\xff\xd8\xff\xc0",
]


@given(st.sampled_from(_STARTS), st.binary(max_size=60))
@example(b"\xff\xd8\xff", b"")
@example(b"\xff\xd8\xff", b"\xe0\0\0\xff\xff\xff")
def test_noise_is_taken_or_refused_and_nothing_breaks(start: bytes, noise: bytes) -> None:
    _taken(start + noise)


def test_the_demos_pictures_are_read() -> None:
    for path in (ROOT / "mailer/demo/media").iterdir():
        with Image.open(path) as image:
            assert inspect_picture(path.read_bytes(), "") == PictureFacts("image/jpeg", *image.size)
