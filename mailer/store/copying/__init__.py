"""Copy a database to another one, of either kind, which takes over its identity.

    move.py      the steps of a move, which can be killed at any point and done again
    target.py    what the target holds before, its schema, and its removal
    progress.py  the table in the target that says which rows it has, and that it is incomplete
    contents.py  the rows of a table in one form on both databases: read, written and hashed
    checks.py    what PostgreSQL would refuse
    last_ids.py  the numbers that are never given again

The fence that keeps the old database as it is, is in `mailer/store/fence.py`.
"""

from mailer.store.copying.move import CopyStep, CopySummary, DatabaseMove, TableSummary

__all__ = ["CopyStep", "CopySummary", "DatabaseMove", "TableSummary"]
