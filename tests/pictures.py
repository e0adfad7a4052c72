"""Pictures that tests draw: photographs with a position in their EXIF, and hostile files."""

import struct
import zlib
from io import BytesIO

from PIL import Image, TiffImagePlugin

EXIF_ORIENTATION, EXIF_GPS, EXIF_MAKER = 0x0112, 0x8825, 0x010F
CAMERA = "Example Camera 9"
PAYLOAD = b"<script>alert('polyglot')</script>PK\x03\x04"


def draw_photo(
    width: int = 1600, height: int = 900, *, orientation: int = 1, kind: str = "JPEG"
) -> bytes:
    """A photograph: red on the left and blue on the right, with a camera's name and a position."""
    picture = Image.new("RGB", (width, height), (200, 30, 30))
    picture.paste((30, 30, 200), (width // 2, 0, width, height))
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    exif[EXIF_MAKER] = CAMERA
    degrees = tuple(TiffImagePlugin.IFDRational(value) for value in (51, 30, 26))
    exif.get_ifd(EXIF_GPS).update({1: "N", 2: degrees, 3: "E", 4: degrees})
    buffer = BytesIO()
    picture.save(buffer, kind, exif=exif)
    return buffer.getvalue()


def draw_logo(width: int = 300, height: int = 80) -> bytes:
    """A drawing with transparent corners."""
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    picture.paste((11, 83, 148, 255), (20, 20, width - 20, height - 20))
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def draw_huge_jpeg(width: int = 8944, height: int = 5590, *, progressive: bool = False) -> bytes:
    """A photograph of 50 megapixels."""
    buffer = BytesIO()
    noise = Image.effect_noise((1000, 625), 60).resize((width, height)).convert("RGB")
    noise.save(buffer, "JPEG", quality=75, progressive=progressive)
    return buffer.getvalue()


def make_png(width: int, height: int, colour_type: int = 2) -> bytes:
    """A PNG of zeros, without drawing it: a huge one has a few kilobytes."""
    channels = {0: 1, 2: 3, 6: 4}[colour_type]
    packer = zlib.compressobj(9)
    row = bytes(1 + width * channels)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", struct.pack(">2L5B", width, height, 8, colour_type, 0, 0, 0)),
            (b"IDAT", rows),
            (b"IEND", b""),
        )
    )


def make_polyglot() -> bytes:
    """A JPEG that is also a page with a script and the beginning of a ZIP file."""
    photo = draw_photo(64, 64)
    comment = struct.pack(">2sH", b"\xff\xfe", len(PAYLOAD) + 2) + PAYLOAD
    return photo[:2] + comment + photo[2:] + PAYLOAD


def find_metadata(content: bytes) -> set[str]:
    """The metadata that a picture holds, by Pillow and by its bytes."""
    with Image.open(BytesIO(content)) as picture:
        metadata = {
            name for name in ("exif", "comment", "icc_profile", "xmp") if picture.info.get(name)
        }
        metadata |= {f"tag {tag}" for tag in picture.getexif()}
    marks = {"camera": CAMERA.encode(), "script": b"<script", "zip": b"PK\x03\x04", "exif": b"Exif"}
    return metadata | {name for name, mark in marks.items() if mark in content}
