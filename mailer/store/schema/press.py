"""Media contacts, boilerplate, and the files that releases carry."""

from sqlalchemy import JSON, Column, Integer, LargeBinary, String, Table, Text

from mailer.store.schema.base import Utc, metadata, required, to

contact = Table(
    "contact",
    metadata,
    to("subscriber", primary_key=True, on_delete="CASCADE"),
    required("outlet", Text),
    required("outlet_key", Text, index=True),
    required("trust", String(10)),
    required("follow_up", String(10)),
    required("note", Text),
    required("updated_at", Utc),
    comment="outlet_key: as outlets are compared, in small letters",
)

contact_beat = Table(
    "contact_beat",
    metadata,
    to("subscriber", primary_key=True, on_delete="CASCADE"),
    Column("beat", String(60), primary_key=True, index=True),
)

boilerplate = Table(
    "boilerplate",
    metadata,
    Column("organisation", String(60), primary_key=True),
    Column("language", String(35), primary_key=True),
    required("name", Text),
    required("text", Text),
    required("html", Text),
    required("updated_at", Utc),
)

file = Table(
    "file",
    metadata,
    Column("sha256", String(64), primary_key=True),
    required("media_type", String(100)),
    required("size", Integer),
    required("content", LargeBinary),
    required("created_at", Utc),
    comment="never changed: what releases carry is named by its hash",
)

kill = Table(
    "kill",
    metadata,
    Column("slug", String(80), primary_key=True),
    required("why", JSON),
    required("asked_by", Text),
    required("asked_at", Utc),
    required("confirmed_by", Text),
    Column("confirmed_at", Utc),
    comment="releases that one person wants taken back, and another has to confirm",
)
