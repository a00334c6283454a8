"""The page of pairs: pictures with what is asked about them, kept or dropped, before anything is trained."""
