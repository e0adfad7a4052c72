"""The Makefile sets up an environment without warnings."""

from pathlib import Path

MAKEFILE = (Path(__file__).parents[3] / "Makefile").read_text("utf-8")


def test_environment_has_pip_that_knows_normalised_extras() -> None:
    """pip before 23.3 warned that lxml has no extra "html_clean": its metadata say "html-clean"."""
    _, _, recipe = MAKEFILE.partition("$(VENV)/.made:\n")
    assert "install 'pip>=23.3'" in recipe.partition("\n\n")[0]
    assert MAKEFILE.index("'pip>=23.3'") < MAKEFILE.index("--requirement requirements.lock")
