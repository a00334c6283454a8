"""Turn a product catalogue into a visual-question-answering dataset, tune BLIP on it, measure every version."""
