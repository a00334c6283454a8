"""Sections of the page of `vqatune report` on what is in this folder beside the run: the zoo, and reviews of pairs.

The page that the stage report writes has none of them, as it depends on no file of theirs: the zoo's table comes from stages
that need this run, so `dvc repro` would first run the whole zoo, and fail where there is none; and people may write reviews
at any time.
"""
