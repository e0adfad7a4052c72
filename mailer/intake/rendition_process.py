"""The process that decodes one picture with Pillow: ``renditions.py`` starts it.

It reads the picture from stdin, and writes a line of JSON and the renditions to stdout. It imports
nothing of the mailer, so that it starts quickly and holds nothing worth stealing.
"""

import contextlib
import json
import os
import resource
import signal
import sys
from io import BytesIO
from typing import Any

MAX_CPU_SECONDS = 4
"""Maximum processor time. A photograph of 50 megapixels takes less than one second."""

MAX_MEMORY = 190_000_000
"""Maximum memory in bytes, not counting the programs themselves."""

MAX_OUTPUT_BYTES = 20_000_000
MAX_PROFILE_BYTES = 4_000_000
LARGE_PNG_BYTES = 300_000
"""Size of a PNG above which its colours are reduced to 256."""

JPEG_QUALITY = 82

_FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
}
_WHITE = (255, 255, 255)
_ORIENTATION = 0x0112
"""The EXIF tag of the orientation (CIPA DC-008, 4.6.4)."""


def set_limits() -> None:
    """Limit the processor time, the memory and the output of this process."""
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_OUTPUT_BYTES, MAX_OUTPUT_BYTES))


def make_pictures(
    content: bytes, media_type: str, suffix: str, widths: list[int]
) -> list[tuple[int, int, bytes]]:
    """Return (width, height, bytes) for each of the widths, of which the first is the greatest."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the caller has checked the size
    picture: Any = Image.open(BytesIO(content), formats=[_FORMATS[media_type]])
    turned = _find_turn(picture)
    is_sideways = turned in {
        Image.Transpose.ROTATE_90,
        Image.Transpose.ROTATE_270,
        Image.Transpose.TRANSPOSE,
        Image.Transpose.TRANSVERSE,
    }
    own_width = picture.height if is_sideways else picture.width
    own_height = picture.width if is_sideways else picture.height
    width = min(widths[0], own_width)
    height = max(1, round(own_height * width / own_width))
    size = (height, width) if is_sideways else (width, height)
    picture.draft(None, size)  # a JPEG is decoded at a fraction of its size
    profile = picture.info.get("icc_profile")
    picture = _unpack_colours(picture)
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    if turned is not None:
        picture = picture.transpose(turned)
    picture = _convert_colours(picture, profile, suffix)
    pictures = []
    for max_width in widths:
        if picture.width > max_width:
            narrow_height = max(1, round(picture.height * max_width / picture.width))
            picture = picture.resize((max_width, narrow_height), Image.Resampling.LANCZOS)
        pictures.append((picture.width, picture.height, _encode(picture, suffix)))
    return pictures


def _find_turn(picture: Any) -> Any:
    """Return the transposition that makes the picture upright, or None."""
    from PIL import Image

    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    try:
        return turns.get(picture.getexif().get(_ORIENTATION))
    except Exception:  # broken metadata: the picture itself may be whole
        return None


def _unpack_colours(picture: Any) -> Any:
    """Return the picture in a mode in which it can be made smaller."""
    if picture.mode in {"P", "PA", "LA"} or "transparency" in picture.info:
        return picture.convert("RGBA")
    if picture.mode.startswith("I"):  # 16 bits of grey
        return picture.convert("I").point(lambda value: value / 256).convert("L")
    return picture.convert("L") if picture.mode in {"1", "F"} else picture


def _convert_colours(picture: Any, profile: bytes | None, suffix: str) -> Any:
    """Return the picture in sRGB, on white if it may not be transparent, without metadata."""
    from PIL import Image, ImageCms

    if profile and len(profile) <= MAX_PROFILE_BYTES and picture.mode in {"RGB", "CMYK"}:
        with contextlib.suppress(Exception):  # a broken profile is ignored
            picture = ImageCms.profileToProfile(
                picture,
                ImageCms.ImageCmsProfile(BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
    if picture.mode == "RGBA" and suffix == "jpg":
        plate = Image.new("RGB", picture.size, _WHITE)
        plate.paste(picture, mask=picture.getchannel("A"))
        picture = plate
    if picture.mode not in {"L", "RGB", "RGBA"}:
        picture = picture.convert("RGB")
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema() == (255, 255):
        picture = picture.convert("RGB")
    picture.info.clear()
    return picture


def _encode(picture: Any, suffix: str) -> bytes:
    from PIL import Image

    buffer = BytesIO()
    if suffix == "jpg":
        picture.save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True)
        return buffer.getvalue()
    picture.save(buffer, "PNG")
    if buffer.tell() > LARGE_PNG_BYTES:
        buffer = BytesIO()
        reduced = picture.quantize(256, Image.Quantize.FASTOCTREE)
        reduced.save(buffer, "PNG")
    return buffer.getvalue()


def main() -> None:
    set_limits()
    media_type, suffix, *widths = sys.argv[1:]
    try:
        pictures = make_pictures(sys.stdin.buffer.read(), media_type, suffix, [*map(int, widths)])
    except Exception:  # whatever is wrong with the picture: the caller refuses it
        os._exit(1)
    sizes = [(width, height, len(content)) for width, height, content in pictures]
    sys.stdout.buffer.write(json.dumps(sizes).encode() + b"\n")
    for _, _, content in pictures:
        sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
