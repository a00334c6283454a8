"""Text files that users bring: tables in delimited text."""
