"""One version's training: the loop and the state that carries over to the next."""
