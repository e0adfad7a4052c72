"""Recognise a restored or copied database, and decide what becomes of it.

recognition.py  compare a database with the marker outside it
decisions.py    accept a restored database, declare a clone, stop sending from a database that
                fell back to an older state
"""

from mailer.recovery.decisions import (
    accept_database,
    create_identity,
    declare_clone,
    increment_generation,
    is_clone,
    record_backup,
    suspend_deliveries,
)
from mailer.recovery.recognition import build_refusal, describe_refusal, judge_database

__all__ = [
    "accept_database",
    "build_refusal",
    "create_identity",
    "declare_clone",
    "describe_refusal",
    "increment_generation",
    "is_clone",
    "judge_database",
    "record_backup",
    "suspend_deliveries",
]
