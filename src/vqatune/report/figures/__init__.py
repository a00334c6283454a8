"""The figures of the report page, each as a chart, in words and in numbers."""
