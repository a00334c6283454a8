"""Model families, LoRA adapters, and running them on a device."""
