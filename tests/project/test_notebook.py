"""docs/notebook.ipynb runs from top to bottom, in a folder without git and DVC, on a tiny base instead of the hub's."""

import json
import subprocess
import sys


def test_the_notebook_runs_top_to_bottom(repository, tiny_base, tmp_path):
    notebook = json.loads((repository / "docs/notebook.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code = "\n".join(cells)
    hub = 'BASE = "Salesforce/blip-vqa-base"'
    assert hub in code and not any(
        cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"
    )
    code = code.replace(hub, f"BASE = {str(tiny_base)!r}")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [line.split(" – ")[0] for line in done.stdout.splitlines()] == [
        "What color is it?",
        "What shape is it?",
    ]
    assert (tmp_path / "my-model/v1/adapter_model.safetensors").exists()
    assert "train v1" in done.stderr and "pairs/s" in done.stderr
