"""Bombs, which overload programs that open them, and their cost, which ``python -m
tests.integration.intake.bombs`` prints.

runner.py     a process that opens each bomb in its own child, and measures it
sites.py      answers of web sites
files.py      zip archives, XML and pictures
"""
