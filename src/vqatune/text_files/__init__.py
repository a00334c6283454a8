"""Tables that users bring: delimited text, JSON, Parquet, workbooks."""
