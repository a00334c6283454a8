"""Archives in, the images worth asking about out."""
