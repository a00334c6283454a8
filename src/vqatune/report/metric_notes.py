"""What to know of a metric before its values are compared."""

METRIC_NOTES = {
    "bleu": "a right answer of one word has 0.178",
    "meteor": "a right answer of one word has 0.5",
    "grounding": "right answers that follow from the product type bring it down: they are as probable under its other pictures",
}
