"""The figures of the report page: what each shows, in a chart, in words and in numbers."""
