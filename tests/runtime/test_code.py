from pathlib import Path

import pytest

from vqatune.runtime.code import PACKAGE, digest_code, file_of, import_closure, imported_files


def _names(files: set[Path]) -> set[str]:
    return {str(path.relative_to(PACKAGE)) for path in files}


def test_a_closure_has_what_is_imported_through_others_and_in_functions():
    names = _names(import_closure("vqatune.base_model.base"))
    assert {"base_model/tiny.py", "models/families/blip/model.py", "models/packing.py"} <= names
    # generate loads the module of its model's provider in a function.
    assert "generation/client/model_pairs.py" in _names(import_closure("vqatune.generation.generate"))


def test_a_closure_leaves_out_what_decides_no_result_and_packages_on_the_way():
    names = _names(import_closure("vqatune.training.loop"))
    assert not {name for name in names if name.startswith(("params/", "runtime/", "errors"))}
    assert "__init__.py" not in names and "training/__init__.py" not in names


def test_code_for_the_demo_alone_is_no_part_of_training():
    names = _names(import_closure("vqatune.training.loop"))
    assert "inference/answering/attention.py" not in names and "inference/answering/top_k.py" not in names
    assert "inference/answering/attention.py" in _names(import_closure("vqatune.demo.loaded_versions"))


def test_a_script_has_the_closure_of_its_imports(tmp_path):
    script = tmp_path / "stage.py"
    script.write_text("from vqatune.dataset.split import split_pairs\n")
    assert imported_files(script) == import_closure("vqatune.dataset.split")


def test_code_is_known_by_the_files_of_its_closure():
    assert digest_code("vqatune.training.loop") != digest_code("vqatune.inference.prediction.predict")
    assert digest_code("vqatune.dataset.split") == digest_code("vqatune.dataset.split")
    split, ranks = digest_code("vqatune.dataset.split"), digest_code("vqatune.tables.hash_ranks")
    assert split != ranks


def test_a_module_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="no module"):
        file_of("vqatune.nothing")
