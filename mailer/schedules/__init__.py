"""Schedules: rules, observances and free days, and the occurrences that they give.

    rules.py          which dates a rule names: recurrences, days around an observance, one day
    spelling.py       rules as staff write them
    observances.py    named days by rule
    free_days.py      public holidays and blackouts
    walls.py          wall-clock time in a zone, and the moment that it is
    occurrences.py    from a schedule to its occurrences
    records.py        schedules of digests, blackouts, and the verbs on them

Pure: nothing here knows what time it is.
"""
