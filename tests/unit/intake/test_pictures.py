"""Type and size of pictures, compared with Pillow."""

from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from mailer.errors import InputError
from mailer.intake.pictures import LARGEST, MOST_PIXELS, PictureFacts, inspect_picture
from tests.conftest import ROOT

TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}


def draw_picture(kind: str, width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    buffer = BytesIO()
    Image.new(mode, (width, height), 1).save(buffer, kind, **options)
    return buffer.getvalue()


def check_refusal(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        inspect_picture(data, "boats.jpg")
    assert caught.value.where == "boats.jpg"
    assert caught.value.hint
    return caught.value.message


@given(st.sampled_from(sorted(TYPES)), st.integers(1, 300), st.integers(1, 300))
def test_picture_size_and_type_match_pillow(kind: str, width: int, height: int) -> None:
    assert inspect_picture(draw_picture(kind, width, height), "") == PictureFacts(
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
def test_picture_variants_of_each_format(kind: str, mode: str, options: dict[str, object]) -> None:
    assert inspect_picture(draw_picture(kind, 31, 17, mode, **options), "") == PictureFacts(
        TYPES[kind], 31, 17
    )


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animated_picture_has_size_of_canvas(kind: str) -> None:
    frames = [Image.new("RGB", (31, 17), n) for n in range(20)]
    data = draw_picture(kind, 31, 17, save_all=True, append_images=frames)
    assert inspect_picture(data, "") == PictureFacts(TYPES[kind], 31, 17)


def test_picture_over_50_megapixels_is_refused() -> None:
    facts = inspect_picture(draw_picture("PNG", 10_000, MOST_PIXELS // 10_000, "1"), "")
    assert facts.width * facts.height == MOST_PIXELS
    assert "50 megapixels (10000 × 5001)" in check_refusal(draw_picture("PNG", 10_000, 5001, "1"))


def test_picture_file_over_20_mb_is_refused() -> None:
    whole = draw_picture("JPEG", 9, 9)
    inspect_picture(whole + bytes(LARGEST - len(whole)), "")
    assert "20 MB" in check_refusal(whole + bytes(LARGEST - len(whole) + 1))


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "PPM", "TGA", "JPEG2000"])
def test_picture_of_other_format_is_refused(kind: str) -> None:
    assert "not a picture that mails can show" in check_refusal(draw_picture(kind, 32, 32))


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF", b"<svg/>", b"%PDF-1.7", b"RIFF\0\0\0\0WAVE", b"\xff\xd8", b"\x89PNG\n\x1a\n\n"],
)
def test_non_picture_file_is_refused(data: bytes) -> None:
    assert "not a picture that mails can show" in check_refusal(data)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_picture_truncated_before_size_is_refused(kind: str) -> None:
    whole = draw_picture(kind, 31, 17)
    needed = next(n for n in range(len(whole)) if is_accepted(whole[:n]))
    for length in range(needed):
        check_refusal(whole[:length])


def is_accepted(data: bytes) -> bool:
    try:
        inspect_picture(data, "")
    except InputError:
        return False
    return True


def test_picture_without_size_is_refused() -> None:
    assert "has no size" in check_refusal(b"GIF89a\0\0\x09\0" + bytes(9))
    jpeg = bytearray(draw_picture("JPEG", 31, 17))
    offset = jpeg.index(b"\xff\xc0") + 5
    jpeg[offset : offset + 2] = b"\0\0"
    assert "has no size" in check_refusal(bytes(jpeg))


def test_png_with_wrong_crc_is_refused() -> None:
    data = draw_picture("PNG", 31, 17)
    assert "broken" in check_refusal(data.replace(b"\0\0\0\x1f", b"\0\0\0\x1e"))


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
def test_picture_of_noise_is_accepted_or_refused(start: bytes, noise: bytes) -> None:
    is_accepted(start + noise)


def test_pictures_of_demo_are_read() -> None:
    for path in (ROOT / "mailer/demo/media").iterdir():
        with Image.open(path) as image:
            assert inspect_picture(path.read_bytes(), "") == PictureFacts("image/jpeg", *image.size)
