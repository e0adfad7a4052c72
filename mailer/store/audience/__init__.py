"""The tables of the audience, one file for each noun."""
