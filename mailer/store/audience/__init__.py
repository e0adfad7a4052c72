"""The stores of the audience, one file for each noun."""
