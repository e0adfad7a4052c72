"""The audience's tables, a file for each of its nouns' files."""
