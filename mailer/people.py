"""Members of staff: which address, which logins and which name belong to one person.

A person acts on the command line under a login, and on pages as the holder of a signed link that
was sent to their address. Both must count as one person in an act that takes two people.
A login that several people share counts as each of them: what was done under it may have been done
by any of them, so none of them can be its second person.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mailer import addresses
from mailer.actor import Actor, ActorKind, build_local_key, create_local_actor
from mailer.errors import InputError


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A member of staff. `logins` are their logins on this machine, which others may share, or None
    if the settings do not say. An empty `time_zone` means the office's."""

    address: str
    name: str = ""
    time_zone: str = ""
    logins: tuple[str, ...] | None = None

    @property
    def key(self) -> str:
        """The key under which records store what the person does by a signed link."""
        return f"{ActorKind.STAFF}:{self.address}"

    @property
    def local_keys(self) -> frozenset[str]:
        """The keys of the person's logins. If the settings name none, the login that is like the
        local part of the address counts as theirs: that the two are one person is likelier than
        chance, and a wrong guess only asks for a third person."""
        logins = (self.address.partition("@")[0],) if self.logins is None else self.logins
        return frozenset(build_local_key(login) for login in logins)


class StaffDirectory:
    """The people in the settings, and other people by their address or login alone."""

    def __init__(self, people: Iterable[StaffMember], staff_addresses: Iterable[str] = ()) -> None:
        """Take the people in the settings, and further addresses of staff about which the settings
        say nothing more."""
        self._people: dict[str, StaffMember] = {}
        for address in staff_addresses:
            normal_address = normalise_staff_address(address)
            self._people[normal_address] = StaffMember(normal_address)
        for person in people:
            normal_address = normalise_staff_address(person.address)
            self._people[normal_address] = replace(person, address=normal_address)

    def find_person(self, address: str) -> StaffMember:
        """Return the person with this address, who may be known by it alone."""
        normal_address = normalise_staff_address(address)
        return self._people.get(normal_address) or StaffMember(normal_address)

    def identify_login(self, login: str, note: str = "") -> Actor:
        """Return the actor of a command that `login` runs, who counts as each person with this
        login. `note` is how they call themselves."""
        actor = create_local_actor(login, note)
        keys = frozenset(
            key
            for person in self._people.values()
            if actor.key in person.local_keys
            for key in (person.key, *person.local_keys)
        )
        return replace(actor, other_keys=keys - {actor.key})

    def identify_holder(self, address: str) -> Actor:
        """Return the actor who holds a link that was sent to this address."""
        person = self.find_person(address)
        name = f"{person.name} <{person.address}>" if person.name else person.address
        return Actor(ActorKind.STAFF, person.address, name, person.local_keys)

    def find_addresses(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return the addresses of the people in the settings who act under these keys."""
        wanted_keys = frozenset(keys)
        return tuple(
            person.address
            for person in self._people.values()
            if wanted_keys & {person.key, *person.local_keys}
        )


def normalise_staff_address(address: str) -> str:
    """Return an address of staff in canonical spelling, or in small letters if it is not a valid
    address: that must not stop other commands."""
    try:
        return addresses.normalise_address(address)
    except InputError:
        return address.strip().lower()
