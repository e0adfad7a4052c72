"""The part of the bench that imports people.

import_parts.py   runs the commands, and compares the import with a plain one
plain_import.py   the least that an import can do
"""
