"""The prompts that models are asked with."""
