"""Alembic's migrations. Run by ``mailer init`` and ``mailer database upgrade``."""
