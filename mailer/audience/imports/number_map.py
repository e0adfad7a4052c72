"""A map of many numbers that takes little memory, for what is remembered about each line of a file.

A dict takes some 110 bytes for each number, and this map at most 48.
"""

from array import array

_FIRST_SIZE = 1 << 12


class NumberMap:
    """Maps integers of 64 bits, such as hashes, to positive integers of 63 bits.

    It is a hash table with open addressing: if a key's own slot is taken, the next free slot has
    it. At least a third of the slots is free."""

    def __init__(self) -> None:
        self._resize(_FIRST_SIZE)
        self._count = 0

    def find_number(self, key: int, default: int) -> int:
        """Return the number of the key, or `default`."""
        return self._numbers[self._find_slot(key)] or default

    def add_number(self, key: int, number: int) -> int:
        """Return the number of the key. If it has none, `number` becomes its number."""
        slot = self._find_slot(key)
        if self._numbers[slot]:
            return self._numbers[slot]
        self._fill_slot(slot, key, number)
        return number

    def save_number(self, key: int, number: int) -> None:
        """Give the key this number in place of any other."""
        slot = self._find_slot(key)
        if self._numbers[slot]:
            self._numbers[slot] = number
        else:
            self._fill_slot(slot, key, number)

    def __len__(self) -> int:
        return self._count

    def _find_slot(self, key: int) -> int:
        """Return the slot of the key, or the free slot where it belongs."""
        keys, numbers, mask = self._keys, self._numbers, self._mask
        slot = key & mask
        while numbers[slot] and keys[slot] != key:
            slot = (slot + 1) & mask
        return slot

    def _fill_slot(self, slot: int, key: int, number: int) -> None:
        if number <= 0:
            raise ValueError("0 marks a free slot")
        self._keys[slot], self._numbers[slot] = key, number
        self._count += 1
        if 3 * self._count > 2 * len(self._numbers):
            old_keys, old_numbers = self._keys, self._numbers
            self._resize(2 * len(old_numbers))
            for old_key, old_number in zip(old_keys, old_numbers, strict=True):
                if old_number:
                    new_slot = self._find_slot(old_key)
                    self._keys[new_slot], self._numbers[new_slot] = old_key, old_number

    def _resize(self, size: int) -> None:
        self._keys = array("q", bytes(8 * size))
        self._numbers = array("q", bytes(8 * size))
        self._mask = size - 1
