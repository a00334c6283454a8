"""From bytes in an archive to micro-batches: images with all their questions, as tensors."""
