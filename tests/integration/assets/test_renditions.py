"""Renditions of pictures: their sizes, what they no longer hold, and hostile files."""

import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from mailer.errors import InputError
from mailer.intake.picture_files import LocalPicture, build_picture
from mailer.model.assets import Rendition
from tests.pictures import (
    draw_huge_jpeg,
    draw_logo,
    draw_photo,
    find_metadata,
    make_png,
    make_polyglot,
)


def make_renditions(content: bytes) -> list[Rendition]:
    return build_picture(content, "boats", "boats").make_renditions()


def list_sizes(renditions: list[Rendition]) -> list[tuple[int, int, int]]:
    return [(one.max_width, one.width, one.height) for one in renditions]


def open_rendition(rendition: Rendition) -> Image.Image:
    return Image.open(BytesIO(rendition.content)).convert("RGBA")


def test_renditions_are_never_wider_than_the_original() -> None:
    assert list_sizes(make_renditions(draw_photo(1600, 900))) == [
        (1104, 1104, 621),
        (552, 552, 310),
    ]
    assert list_sizes(make_renditions(draw_photo(700, 700))) == [(1104, 700, 700), (552, 552, 552)]
    assert list_sizes(make_renditions(draw_photo(90, 60))) == [(1104, 90, 60), (552, 90, 60)]


def test_rendition_is_upright_and_without_position() -> None:
    photo = draw_photo(1600, 900, orientation=6)
    assert {"exif", "camera"} <= find_metadata(photo)
    for rendition in make_renditions(photo):
        assert rendition.height > rendition.width, "turned by a quarter"
        assert find_metadata(rendition.content) == set()
        picture = open_rendition(rendition)
        top, bottom = (picture.getpixel((9, y)) for y in (9, rendition.height - 9))
        assert isinstance(top, tuple)
        assert isinstance(bottom, tuple)
        assert top[0] > 150 > 60 > top[2], "red on the left is now above"
        assert bottom[2] > 150 > 60 > bottom[0]


@pytest.mark.parametrize(
    ("kind", "mode", "media_type"),
    [
        ("WEBP", "RGB", "image/jpeg"),
        ("WEBP", "RGBA", "image/png"),
        ("GIF", "P", "image/png"),
        ("PNG", "1", "image/jpeg"),
        ("PNG", "I;16", "image/jpeg"),
        ("PNG", "LA", "image/png"),
        ("JPEG", "CMYK", "image/jpeg"),
        ("JPEG", "L", "image/jpeg"),
    ],
)
def test_mails_get_jpeg_or_png(kind: str, mode: str, media_type: str) -> None:
    buffer = BytesIO()
    Image.new(mode, (60, 40)).save(buffer, kind)
    for rendition in make_renditions(buffer.getvalue()):
        assert rendition.media_type == media_type
        with Image.open(BytesIO(rendition.content)) as picture:
            assert f"image/{str(picture.format).lower()}" == media_type
            assert picture.mode in {"L", "RGB", "RGBA", "P"}


def test_transparent_picture_stays_transparent() -> None:
    for rendition in make_renditions(draw_logo()):
        picture = open_rendition(rendition)
        assert picture.getpixel((0, 0)) == (0, 0, 0, 0)
        assert picture.getpixel((150, 40)) == (11, 83, 148, 255)


def test_colours_are_converted_from_the_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    buffer = BytesIO()
    Image.new("RGB", (60, 40), (10, 200, 10)).save(buffer, "JPEG", icc_profile=profile)
    (rendition, _) = make_renditions(buffer.getvalue())
    assert find_metadata(rendition.content) == set(), "a profile that does not fit is dropped"


def test_large_transparent_photo_is_reduced_to_256_colours() -> None:
    noise = Image.effect_noise((1104, 800), 80).convert("RGBA")
    noise.putalpha(Image.linear_gradient("L").resize(noise.size))
    buffer = BytesIO()
    noise.save(buffer, "PNG", compress_level=1)
    rendition = make_renditions(buffer.getvalue())[0]
    assert len(rendition.content) < 1_000_000


# ---- hostile pictures ---------------------------------------------------------------------------

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
HOSTILE: dict[str, Callable[[], bytes]] = {
    "20,000 × 1": lambda: make_png(20_000, 1),
    "an SVG with a script": lambda: SVG,
    "an SVG with a declaration": lambda: b"<?xml version='1.0'?>" + SVG,
    "50 megapixels of PNG": lambda: make_png(10_000, 5_000),
    "a cut-off picture": lambda: draw_photo()[:600],
    "a page called a picture": lambda: b"<!doctype html><script>alert(1)</script>",
    "an empty file": lambda: b"",
}


_MEASURED_JOB = """
import resource, sys
from pathlib import Path
from mailer.errors import InputError
from mailer.intake.picture_files import build_picture
try:
    picture = build_picture(Path(sys.argv[1]).read_bytes(), "boats", "boats")
    outcome = picture.make_renditions()[0].width
except InputError:
    outcome = 0
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(outcome, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)
"""
"""Prints the width of a picture's rendition (0: refused), and the processor time and the largest
megabytes of the process that made it. A process of its own is measured, as a fork of a large
process would count as large."""


def measure_picture(content: bytes, folder: Path) -> tuple[int, float, float]:
    path = folder / "picture"
    path.write_bytes(content)
    words = [sys.executable, "-c", _MEASURED_JOB, str(path)]
    result = subprocess.run(words, capture_output=True, text=True, check=True)
    width, seconds, megabytes = map(float, result.stdout.split())
    return int(width), seconds, megabytes


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_picture_is_refused_at_once(name: str) -> None:
    content = HOSTILE[name]()

    started_at = time.perf_counter()
    with pytest.raises(InputError) as caught:
        make_renditions(content)
    assert time.perf_counter() - started_at < 1
    assert caught.value.where == "boats"
    assert caught.value.hint


def test_polyglot_is_made_harmless() -> None:
    content = make_polyglot()
    assert find_metadata(content) == {"exif", "comment", "camera", "script", "zip", *(
        f"tag {tag}" for tag in (0x010F, 0x0112, 0x8825)
    )}  # fmt: skip
    for rendition in make_renditions(content):
        assert find_metadata(rendition.content) == set()


def test_broken_profile_and_metadata_do_not_matter() -> None:
    buffer = BytesIO()
    exif = b"Exif\0\0II*\0\xff\xff\xff\x7f"
    Image.new("RGB", (60, 40)).save(buffer, "JPEG", icc_profile=b"\xff" * 500, exif=exif)
    assert list_sizes(make_renditions(buffer.getvalue()))[0] == (1104, 60, 40)


def test_picture_that_takes_too_much_memory_is_refused() -> None:
    """The process refuses more memory, whatever the first bytes of the picture said."""
    content = make_png(9_000, 9_000)
    picture = LocalPicture("0" * 64, "boats", "image/png", "jpg", 9, 9, content, "boats")
    with pytest.raises(InputError, match="too much time or memory"):
        picture.make_renditions()


@pytest.mark.proof
@pytest.mark.parametrize(
    ("name", "make"),
    {
        "50 megapixels": draw_huge_jpeg,
        "25 progressive megapixels": lambda: draw_huge_jpeg(6120, 4080, progressive=True),
        "16 megapixels of PNG": lambda: make_png(4000, 4000),
        "16 transparent megapixels of PNG": lambda: make_png(4000, 4000, 6),
    }.items(),
)
def test_largest_pictures_cost_about_a_second_and_200_megabytes(
    name: str, make: Callable[[], bytes], tmp_path: Path
) -> None:
    width, seconds, megabytes = measure_picture(make(), tmp_path)
    print(f"{name}: {seconds:.2f} s of processor time, {megabytes:.0f} MB")
    assert width == 1104
    assert seconds < 1.5
    assert megabytes < 200


@pytest.mark.proof
def test_progressive_photo_of_50_megapixels_is_refused(tmp_path: Path) -> None:
    width, _, megabytes = measure_picture(draw_huge_jpeg(progressive=True), tmp_path)
    assert (width, megabytes) == (0, 0), "no process was started"
