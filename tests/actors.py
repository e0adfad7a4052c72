"""Actors that tests act as."""

from mailer.actor import create_local_actor

STAFF = create_local_actor("Staff")
AMINA = create_local_actor("Amina")
