"""The base class of all stores."""

from sqlalchemy import Connection


class SqlStore:
    """A store on one connection. `key` is the key for the hashes of addresses."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._db = connection
        self._key = key
