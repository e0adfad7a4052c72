"""Report the attachments of articles in feeds, which an article can't have."""

from mimetypes import guess_type

from mailer.intake.omissions import OmissionReport


def report_attachment(address: str, media_type: str, report: OmissionReport) -> None:
    """Report an attachment that is not a picture. Without a type, its name says what it is."""
    media_type = media_type or guess_type(address.partition("?")[0])[0] or ""
    kind = media_type.partition("/")[0].lower() or "file"
    if kind != "image" and address:
        label = {"audio": "sound file", "video": "video file"}.get(kind, "attached file")
        report.add_omission(label, address)
