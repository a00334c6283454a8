import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from small_run import HOSTILE

from vqatune.errors import DataError
from vqatune.params.render import params_yaml
from vqatune.report.page.document import to_script_json
from vqatune.report.page.page import write_page

AGAIN = """
import sys
from pathlib import Path
import yaml
from vqatune.params import check_params
from vqatune.report.page.page import write_page
values = yaml.safe_load(sys.stdin.read())
write_page(Path(), ["blind", "base", "v1", "v2"], check_params(values, "params"), sys.argv[1])
assert "torch" not in sys.modules
"""


PICTURE = "data:image/jpeg;base64,"


def test_another_process_writes_the_same_bytes_without_torch(small_run, small_page, repository, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(repository / "src"), "PYTHONHASHSEED": "4711"}
    values = json.dumps(small_run.params.model_dump(mode="json"))
    command = [sys.executable, "-c", AGAIN, str(tmp_path / "again.html")]
    subprocess.run(command, cwd=small_run.root, env=environment, input=values, text=True, check=True)
    assert (tmp_path / "again.html").read_bytes() == small_page.read_bytes()


def test_the_page_is_one_file_that_names_no_other(small_page):
    page = small_page.read_text(encoding="utf-8")
    assert len(page) < 15e6
    body = re.sub(r"<script.*?</script>|<style>.*?</style>", "", page, flags=re.DOTALL)
    assert not re.search(r"<(link|iframe|object|embed|base)\b", body)
    links = re.findall(r"(?:href|src)=\"([^\"]*)\"", body)
    assert all(link.startswith(("#", PICTURE)) for link in links)
    assert "url(" not in page[page.index("<style>") : page.index("</style>")]
    assert not list(small_page.parent.glob(".*"))


def test_the_page_says_which_version_validation_chooses_and_its_score_on_the_test_set(small_page):
    page = " ".join(small_page.read_text(encoding="utf-8").split())
    # v2 is better on the test set, which has no say.
    chosen = r"v1 is chosen as the best on the 40 validation questions, by exact match \(0\.750\); on the test set it is 0\.[56]"
    assert re.search(chosen, page)


def test_no_text_of_the_data_ends_a_script_or_begins_an_element(small_page):
    page = small_page.read_text(encoding="utf-8")
    # Vega's own script, which is between the two, writes pictures into tooltips.
    assert HOSTILE not in page
    pictures = page[: page.index("<script>")].split("<img")[1:]
    assert pictures and all(each.startswith(f' src="{PICTURE}') for each in pictures)
    assert "\\u003c/script\\u003e\\u003cscript\\u003edocument.title" in page
    assert page.count("<script>") == 2


def test_json_in_a_script_means_what_it_did():
    value = {"<!--": ["</SCRIPT>", "\u2028\u2029", "é", "&lt;", 1.5, None]}
    text = to_script_json(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text) and "é" in text


def test_the_first_lines_say_how_much_there_is_and_where_the_chosen_version_is_best(small_run, small_page):
    page = small_page.read_text(encoding="utf-8")
    test = small_run.test
    assert f"test questions about {test['image_id'].nunique()} images" in page
    chosen = re.search(r"(\w+) is chosen as the best on the", page)[1]
    assert chosen == "v1"
    # Not of the last one.
    assert (
        f" {chosen}, the best on the validation set, {test[chosen].mean():.3f} (95\u00a0% interval" in page
        and " v2 0" not in page
    )
    assert f"{chosen} has a skill of" in page and f"Where {chosen} is best and worst" in page
    shares = test.groupby("difficulty")[chosen].agg(["mean", "size"])
    shares = shares[shares["size"] >= 20].sort_values(["mean", "size"], ascending=False)["mean"]
    assert f"best at <b>{shares.index[0]}</b> ({shares.iloc[0]:.3f} of" in page
    assert f"worst at <b>{shares.index[-1]}</b> ({shares.iloc[-1]:.3f} of" in page


def test_a_page_of_this_run_alone_is_built_by_the_command_and_leaves_dvcs_alone(small_run, vqatune, tmp_path):
    shutil.copytree(small_run.root, tmp_path, dirs_exist_ok=True)
    (tmp_path / "params.yaml").write_text(params_yaml())
    (tmp_path / "reviews.csv").write_text("qa_id,reviewer,verdict,answer\np1,anna,right,red\n")
    done = vqatune("report", "--out", "pages/mine.html")
    assert (done.status, done.out) == (0, "pages/mine.html\n"), done.err
    page = (tmp_path / "pages/mine.html").read_text(encoding="utf-8")
    assert (
        "this folder is no git repository" in page
        and "These and all other parameters are the defaults of params.yaml" in page
    )
    # What is in this folder beside the run.
    assert re.search(r'<li><a href="#reviews">.*<li><a href="#data">', page, re.DOTALL)
    assert "1 pair is reviewed" in page and 'id="zoo"' not in page
    assert re.search(r'<th scope="row">torch</th><td>\d+\.\d+', page)
    assert (
        "report.html is the page that `dvc repro` writes"
        in vqatune("report", "--out", "metrics/report.html").error
    )
    assert "is a folder" in vqatune("report", "--out", "metrics").error
    (tmp_path / "metrics/history.csv").unlink()
    assert "run `dvc repro`" in vqatune("report").error
    assert not (tmp_path / "metrics/report.html").exists() and not (tmp_path / "report.html").exists()


def test_the_page_that_dvc_keeps_says_nothing_of_the_machine(small_page):
    page = small_page.read_text(encoding="utf-8")
    assert "build it with <code>vqatune report</code>" in page
    assert "raw.showroom_listings" in page and "page built" not in page and "Packages" not in page


def test_predictions_of_another_test_set_are_refused(small_run, tmp_path):
    root = tmp_path / "run"
    shutil.copytree(small_run.root, root)
    shutil.copy(root / "data/train.parquet", root / "data/test.parquet")
    with pytest.raises(
        DataError, match="base.parquet does not answer the questions .* `dvc repro predict@base`"
    ):
        write_page(root, small_run.versions[1:], small_run.params, tmp_path / "page.html")
    with pytest.raises(DataError, match="blind.parquet does not answer the questions .* `dvc repro blind`"):
        write_page(root, small_run.versions, small_run.params, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
