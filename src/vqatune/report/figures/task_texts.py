"""What the pages say of the benchmark tasks: titles, and how to read their scores."""

TEXT = "The test set by attribute, and more questions about its listings, on which nothing is trained; docs/tasks.md defines them."
TITLES = {
    "category_wise": "category_wise: by what is asked for",
    "multi_angle": "multi_angle: all views of a listing",
    "unanswerable": "unanswerable: what only the text says",
    "multi_language": "multi_language: the same question in every language",
    "multiple_choice": "multiple_choice: four answers to choose from",
}
NOTES = {
    "category_wise": "The pairs of the test set by attribute, what of the object is asked for.",
    "multi_angle": "A question whose answer is the same whatever the view, asked about every picture of its listing. view_consistency is the "
    "share of pairs of views with the same answer, pooled_match the exact match of the answer that most views give.",
    "unanswerable": "answerable_auroc is how often an answer that can be seen is more probable than one that only the text of "
    "the listing holds (0.5: no difference). The others are of the test set, and say how well an answer's probability tells "
    "whether it is right: accuracy_at_80 is the exact match of the most probable 80\u00a0% of the answers; of aurc (the area "
    "under the risk–coverage curve) and ece (the expected calibration error) less is better.",
    "multi_language": "The exact match of the same questions in each language of the listing, to be answered in it.",
    "multiple_choice": "The share of questions whose right answer is the most probable of four (chance: 0.25; the dashed line "
    "is the blind guess), and the grounding of the same pairs of the test set.",
}
