"""What is made to blow up whoever opens it, and what it costs us: ``python -m
tests.integration.intake.bombs`` prints it.

runner.py     a process that meets each bomb in a child of its own, and measures it
sites.py      answers of web sites
files.py      zip archives, XML and pictures
"""
