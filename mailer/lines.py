"""What a line of text may hold: anything that people write, and no control characters.

Format characters stay (Unicode category Cf): Persian needs the zero-width non-joiner, Arabic and
Hebrew the direction marks. Control characters, lone surrogates and line separators go into no
header, no page and no terminal.
"""

import re

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def holds_control(line: str) -> bool:
    """Whether `line` holds what no line may."""
    return CONTROL.search(line) is not None
