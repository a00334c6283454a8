"""Gradio, and the theme of its pages."""

import os

# Read when Gradio is imported; it would otherwise send usage data.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

__all__ = ["gr", "theme"]


def theme() -> gr.themes.Base:
    """Return the page's theme, of fonts that are on the machine that shows it."""
    system = ["system-ui", "sans-serif"]
    return gr.themes.Default(
        primary_hue="blue", font=system, font_mono=["ui-monospace", "monospace"], text_size="md"
    )
