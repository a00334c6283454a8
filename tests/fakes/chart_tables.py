"""The tables of a chart of Vega-Lite."""


def tables(spec: dict) -> list[list[dict]]:
    """All tables of a chart, those of its layers in their order."""
    own = [spec["data"]["values"]] if "data" in spec else []
    return own + [table for layer in spec.get("layer", ()) for table in tables(layer)]
