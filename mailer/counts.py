"""Write numbers with their nouns, for people."""


def count_noun(count: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 mail``, ``2 mails``. `plural` is given if it is not the
    singular with an s."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
