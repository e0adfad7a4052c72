"""Alembic's migrations, which ``mailer init`` and ``mailer database upgrade`` run."""
