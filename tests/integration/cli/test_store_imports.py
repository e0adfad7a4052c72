"""Transactions import the store of a noun when it is used, so each module must import alone."""

import subprocess
import sys

_IMPORT_EACH_MODULE_FIRST = """
import importlib, pkgutil, sys
import mailer.store, mailer.store.schema
loaded_first = set(sys.modules)
names = [module.name for module in pkgutil.walk_packages(mailer.store.__path__, "mailer.store.")]
names = [name for name in names if ".migrations" not in name and ".schema" not in name]
for name in names:
    for later in sys.modules.keys() - loaded_first:
        if later.startswith("mailer.store."):
            del sys.modules[later]
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(name, error)
"""


def test_every_store_module_can_be_imported_first() -> None:
    result = subprocess.run(
        [sys.executable, "-c", _IMPORT_EACH_MODULE_FIRST],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == ""
