"""Media contacts: what a press office knows of subscribers who write for others."""

from sqlalchemy import Column, String, Table, Text

from mailer.store.schema.base import Utc, metadata, required, to

contact = Table(
    "contact",
    metadata,
    to("subscriber", primary_key=True, on_delete="CASCADE"),
    required("outlet", Text, index=True),
    required("trust", String(10)),
    required("follow_up", String(10)),
    required("note", Text),
    required("updated_at", Utc),
)

contact_beat = Table(
    "contact_beat",
    metadata,
    to("subscriber", primary_key=True, on_delete="CASCADE"),
    Column("beat", String(60), primary_key=True, index=True),
)
