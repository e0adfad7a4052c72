"""The markers of databases on this host, in a folder outside them.

A marker is a small JSON file for each database that this host delivers from. Beside the marker,
each process that delivers has a file with the last heartbeat of its worker's row. The process
overwrites this file after each commit without waiting for the disk, so the file survives the death
of the process. After a power cut the markers may be a little older than the database, which raises
no alarm.
"""

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from mailer.errors import ConfigError
from mailer.model.recovery import Marker

_HEARTBEAT_FILE = re.compile(r"[0-9a-f]{32}\.(\d+)\.beat")
_HEARTBEAT_DIGITS = 20


class MarkerFolder:
    """The folder of this host's markers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read_markers(self) -> list[Marker]:
        """Return all markers of this host. Raises ConfigError if one can't be read."""
        with self._wrap_errors():
            if not self.folder.is_dir():
                return []
            return [self._read_marker(file) for file in sorted(self.folder.glob("*.json"))]

    def _read_marker(self, file: Path) -> Marker:
        try:
            fields = json.loads(file.read_text("utf-8"))
            marker = Marker(
                str(fields["identity"]), int(fields["generation"]), str(fields["location"])
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                "the marker of a database is damaged", where=str(file), hint="see what wrote it"
            ) from error
        heartbeats = {}
        for beat_file in self.folder.glob(f"{marker.identity}.*.beat"):
            match = _HEARTBEAT_FILE.fullmatch(beat_file.name)
            text = beat_file.read_text("ascii", "replace") if match else ""
            if match and text.isdigit():
                heartbeats[int(match[1])] = int(text)
        return replace(marker, heartbeats=heartbeats)

    def save_marker(self, marker: Marker) -> None:
        """Save a marker on the disk, within :meth:`lock_folder`. The marker of another database at
        the same place is removed. Raises ConfigError."""
        with self._wrap_errors():
            file = self.folder / f"{marker.identity}.json"
            for other in self.read_markers():
                if other.location == marker.location and other.identity != marker.identity:
                    self._remove_marker(other.identity)
            fields = {key: value for key, value in asdict(marker).items() if key != "heartbeats"}
            new_file = file.with_suffix(".new")
            descriptor = os.open(new_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.write(descriptor, json.dumps(fields).encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            new_file.replace(file)
            _sync_folder(self.folder)

    def _remove_marker(self, identity: str) -> None:
        (self.folder / f"{identity}.json").unlink(missing_ok=True)
        for beat_file in self.folder.glob(f"{identity}.*.beat"):
            beat_file.unlink(missing_ok=True)

    def remove_heartbeats(self, marker: Marker, living_ids: set[int]) -> None:
        """Remove the heartbeats of workers whose rows are gone."""
        for worker_id in marker.heartbeats.keys() - living_ids:
            (self.folder / f"{marker.identity}.{worker_id}.beat").unlink(missing_ok=True)

    @contextmanager
    def lock_folder(self) -> Iterator[None]:
        """Keep other processes of this host from comparing a database with its marker after a new
        generation is committed and before the marker is saved. Raises ConfigError."""
        with self._wrap_errors():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            with self._wrap_errors():
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _wrap_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigError(
                f"the marker of the database can't be kept ({error.strerror or error})",
                where=str(self.folder),
                hint="set paths.state to another folder, which this user may write",
            ) from error


class HeartbeatFiles:
    """The files with the heartbeats of this process, one for each worker's row that it has had."""

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder = folder
        self._identity = identity
        self._descriptors: dict[int, int] = {}

    def save_heartbeat(self, worker_id: int, heartbeat: int) -> None:
        """Save a committed heartbeat. Errors are ignored, since the marker alone notices most older
        states."""
        try:
            if worker_id not in self._descriptors:
                self._descriptors[worker_id] = os.open(
                    self._folder / f"{self._identity}.{worker_id}.beat",
                    os.O_WRONLY | os.O_CREAT,
                    0o600,
                )
            digits = f"{heartbeat:0{_HEARTBEAT_DIGITS}}".encode()
            os.pwrite(self._descriptors[worker_id], digits, 0)
        except OSError:
            return

    def remove_files(self) -> None:
        """Remove the files, once the marker has a generation that is newer than their
        heartbeats."""
        for worker_id in self._descriptors:
            (self._folder / f"{self._identity}.{worker_id}.beat").unlink(missing_ok=True)

    def close(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
