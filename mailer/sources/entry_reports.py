"""Say what an entry of a source lacks, and what was left out of it, in lines for staff."""

from collections.abc import Sequence

from mailer.model.sources import ReadOmission, SourceEntry


def describe_gaps(entry: SourceEntry) -> list[str]:
    """Say which fields an entry does not state, and what takes their place, one line for each."""
    gaps = []
    if entry.content is not None and not entry.dated:
        gaps.append(f"no date was found: it counts as published {entry.content.published:%Y-%m-%d}")
    if entry.content is not None and not entry.content.topics:
        gaps.append("it has no topic: readers of every topic get it")
    return gaps


def describe_omissions(omissions: Sequence[ReadOmission]) -> list[str]:
    """Describe the parts of an entry that were left out, one line for each kind."""
    return [
        f"left out: {omission.kind}"
        + (f" (× {omission.times})" if omission.times > 1 else "")
        + (f": {omission.example}" if omission.example else "")
        for omission in omissions
    ]
