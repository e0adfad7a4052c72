"""Recognise a restored or copied database, and decide what becomes of it.

recognition.py  compare a database with the marker outside it
moves.py        move a database to another place, where it goes on
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
    record_upgrade,
    suspend_deliveries,
)
from mailer.recovery.moves import begin_move, cancel_move, check_movable, finish_move, take_over
from mailer.recovery.recognition import build_refusal, describe_refusal, judge_database

__all__ = [
    "accept_database",
    "begin_move",
    "build_refusal",
    "cancel_move",
    "check_movable",
    "create_identity",
    "declare_clone",
    "describe_refusal",
    "finish_move",
    "increment_generation",
    "is_clone",
    "judge_database",
    "record_backup",
    "record_upgrade",
    "suspend_deliveries",
    "take_over",
]
