"""Looking at pairs before anything is trained on them: what they will cost, a pilot, reviews, two generators compared."""
