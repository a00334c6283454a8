"""A sample museum of drawn objects, of which it is known what can be seen in each picture."""
