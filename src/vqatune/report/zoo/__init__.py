"""The page and the table of the zoo."""
