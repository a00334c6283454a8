"""docs/notebook.ipynb runs from top to bottom, in a folder without git and DVC, on a tiny base instead of the hub's."""

import json
import subprocess

from warm import RUN, Warm


def test_the_notebook_runs_top_to_bottom(repository, tiny_base, tmp_path, warm_server):
    notebook = json.loads((repository / "docs/notebook.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code = "\n".join(cells)
    hub = 'BASE = "Salesforce/blip-vqa-base"'
    assert hub in code and not any(
        cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"
    )
    code = code.replace(hub, f"BASE = {str(tiny_base)!r}")
    (tmp_path / "notebook.py").write_text(code)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    notebook = Warm(warm_server, [*RUN, str(tmp_path / "notebook.py")], cwd=tmp_path, **pipes)
    out, err = notebook.communicate(timeout=300)
    assert notebook.returncode == 0, err
    assert [line.split(" – ")[0] for line in out.splitlines()] == ["What color is it?", "What shape is it?"]
    assert (tmp_path / "my-model/v1/adapter_model.safetensors").exists()
    assert "train v1" in err and "pairs/s" in err
