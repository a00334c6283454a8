"""Makes what transformers makes in every process that loads a model, and keeps: how old checkpoints' names are converted."""

from transformers.conversion_mapping import get_checkpoint_conversion_mapping

get_checkpoint_conversion_mapping("blip")
