"""Make the renditions of a picture in a process of its own, with a bound on time and memory.

Decoding foreign pictures is where libraries have their faults, so no other process decodes them.
The process gets no setting and no secret, and answers with bytes and numbers only. What it writes
holds pixels and nothing else: no EXIF, no position, no comment, no appended file.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import mailer
from mailer.errors import InputError
from mailer.model.assets import RENDITION_WIDTHS, SUFFIXES_BY_TYPE, Rendition

MAX_WALL_SECONDS = 20.0
"""Maximum time for one picture, on a machine that is busy with other work. The process itself has a
bound on its processor time."""

MAX_ANSWER_BYTES = 20_000_000

_ENVIRONMENT = ("LANG", "LC_ALL", "PATH", "TMPDIR")


def make_renditions(content: bytes, media_type: str, suffix: str, where: str) -> list[Rendition]:
    """Return the renditions of a picture of a checked type and size, the widest first, as JPEG or
    PNG according to `suffix`.

    Raises InputError for a picture that can't be decoded within the bounds."""
    with tempfile.TemporaryFile() as request, tempfile.TemporaryFile() as answer:
        request.write(content)
        request.seek(0)
        process = subprocess.Popen(  # noqa: S603  (this program, with checked words)
            [
                *(sys.executable, "-P", "-m", "mailer.intake.rendition_process"),
                *(media_type, suffix, *map(str, RENDITION_WIDTHS)),
            ],
            stdin=request,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            env=_build_environment(),
            start_new_session=True,
        )
        try:
            code = process.wait(MAX_WALL_SECONDS)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        answer.seek(0)
        renditions = _read_answer(answer, suffix) if code == 0 else []
    if not renditions:
        raise InputError(
            "the picture is broken, or takes too much time or memory to decode",
            where=where,
            hint="save it again as a JPEG, in a smaller size",
        )
    return renditions


def _build_environment() -> dict[str, str]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return environment | {"PYTHONPATH": str(Path(mailer.__file__).parent.parent)}


def _read_answer(answer: IO[bytes], suffix: str) -> list[Rendition]:
    """Read a line of JSON with [width, height, size] of each rendition, and their bytes. An answer
    of another form gives no renditions."""
    data = answer.read(MAX_ANSWER_BYTES)
    head, _, body = data.partition(b"\n")
    media_type = next(kind for kind, end in SUFFIXES_BY_TYPE.items() if end == suffix)
    renditions: list[Rendition] = []
    try:
        sizes = [tuple(map(int, entry)) for entry in json.loads(head)]
        for max_width, (width, height, size) in zip(RENDITION_WIDTHS, sizes, strict=True):
            content, body = body[:size], body[size:]
            if not 0 < width <= max_width or height <= 0 or size <= 0 or len(content) != size:
                return []
            renditions.append(Rendition(max_width, width, height, media_type, content))
    except (ValueError, TypeError):
        return []
    return renditions
