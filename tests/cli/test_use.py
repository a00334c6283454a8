"""`vqatune use`, from a file or folder to the stages that read it."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from whole_tables import extract_catalogue, filter_images

from vqatune.catalogue.raw import prepare_raw
from vqatune.catalogue.sample import sample_images
from vqatune.dataset.master_batches import make_master_batches
from vqatune.dataset.split import split_pairs
from vqatune.generation.generate import generate_pairs
from vqatune.params import load_params
from vqatune.params.profiles import apply_profile
from vqatune.params.render import params_yaml


def run_data_stages():
    params = load_params()
    prepare_raw(params.raw, params.seed, Path("data/raw"))
    extracted = extract_catalogue(params.raw, Path("data/raw"), params.extract.max_bad_lines)
    filtered, _ = filter_images(extracted.listings, extracted.images, params.filter)
    sampled, _ = sample_images(filtered, params.sample, params.seed)
    kept, _, _ = generate_pairs(sampled, params.generate, params.compute, params.seed)
    sets = split_pairs(kept, params.split, params.seed)
    repeats = sampled[["image_id", "repeats"]]
    count = len(params.versions)
    batches, _ = make_master_batches(sets.train, repeats, params.batch, count, params.seed)
    return extracted, kept, sets, batches


def test_a_csv_of_questions_about_photographs_goes_through_all_data_stages(
    use, student, repository_of_ones_own, monkeypatch
):
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    comments = [line for line in params_yaml().splitlines() if line.strip().startswith("#")]
    said = use("../questions.csv", "--yes")
    assert "60 of ../my photos, read in place" in said and "180 questions with their answers" in said
    text = (repository_of_ones_own / "params.yaml").read_text()
    assert [line for line in text.splitlines() if line.strip().startswith("#")] == comments
    assert "is set for ../questions.csv already" in use("../questions.csv", "--yes")
    assert said.count("What color is the product? → ") == 1 and "Is it a cup? → no" in said
    sizes = re.search(r"about (\d+) for training, (\d+) for validation and (\d+) for the test set", said)
    extracted, kept, sets, batches = run_data_stages()
    assert [int(size) for size in sizes.groups()] == [each["image_id"].nunique() for each in sets]
    assert len(extracted.images) == 60 and len(kept) == 180
    assert kept["image_id"].nunique() == 60 and set(kept["generator"]) == {"recorded"}
    assert len(sets.test) and len(sets.validation) and len(batches) == 1


def test_a_table_of_german_attributes_is_known_as_german_and_gives_german_pairs(
    use, student, repository_of_ones_own, tmp_path, monkeypatch
):
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    with (tmp_path / "katalog.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(["Bild", "Kategorie", "Farbe", "Muster", "Oberfläche"])
        for number in range(60):
            values = [("Rot", "Gestreift", "Matt"), ("Dunkelblau", "Kariert", "Glänzend")][number % 2]
            rows.writerow([f"my photos/IMG_{number:03d}.jpg", "Stühle", *values])
    said = use("../katalog.csv", "--yes")
    assert re.search(r"language: de\b", said) and "about 100% of the listings" in said
    examples = re.findall(r"^ +(\S.*\?) → (.+)$", said, re.MULTILINE)
    assert len(examples) == 3 and {"Rot", "Blau", "Stuhl"} & {answer for _, answer in examples}, examples
    _, kept, _, _ = run_data_stages()
    assert set(kept["language"]) == {"de"} and len(kept) > 60 * 7
    assert {"Rot", "Blau", "Stuhl", "kariert", "Sitzen", "matt"} <= set(kept["answer"])


def test_nothing_changes_without_a_yes(use, student, repository_of_ones_own):
    before = (repository_of_ones_own / "params.yaml").read_bytes()
    assert "nothing was changed: say --yes" in use(student, status=1)
    assert (repository_of_ones_own / "params.yaml").read_bytes() == before


def test_a_folder_of_classes_becomes_types_and_questions(
    use, student, repository_of_ones_own, tmp_path, monkeypatch
):
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    photos = sorted((tmp_path / "my photos").iterdir())
    for number, photo in enumerate(photos[:50]):
        folder = tmp_path / "classes" / ("mug" if number % 2 else "shoes")
        folder.mkdir(parents=True, exist_ok=True)
        photo.rename(folder / photo.name)
    said = use("../classes", "--yes")
    assert "shoes 25, mug 25" in said or "mug 25, shoes 25" in said
    _, kept, sets, _ = run_data_stages()
    assert set(kept["product_type"]) == {"mug", "shoes"} and len(sets.test)


def test_a_folder_without_classes_has_nothing_that_templates_could_ask_about(
    use, student, repository_of_ones_own
):
    said = use("../my photos", "--yes")
    assert "all pictures are of one type" in said
    assert "there are no questions, and hardly an attribute that templates could ask about" in said
    assert "→" not in said.partition("params.yaml would change")[0]


def test_what_goes_back_to_the_showroom_forgets_the_catalogue_of_ones_own(
    use, student, repository_of_ones_own, repository
):
    assert "versions: 13 → 1" in use("../questions.csv", "--yes")
    apply_profile("showroom", repository / "profiles", repository_of_ones_own / "params.yaml")
    back, fresh = (
        yaml.safe_load(text) for text in ((repository_of_ones_own / "params.yaml").read_text(), params_yaml())
    )
    assert back == fresh
    assert (repository_of_ones_own / "params.yaml").read_text() == params_yaml()


@pytest.mark.parametrize(
    ("name", "content", "arguments", "said"),
    [
        ("gone.csv", None, [], "gone.csv does not exist"),
        (
            "a.csv",
            "name,color\nmug,red\n",
            [],
            "no column known to name pictures: say which with --set image=COLUMN",
        ),
        ("a.csv", "image\nnowhere.jpg\n", [], "none of them is below .*: say where they are with --pictures"),
        ("a.csv", "image\nnowhere.jpg\n", ["--set", "image=photo"], "has no column 'photo'"),
        ("a.csv", "image,b\nx.jpg\n", [], "a.csv, line 2 has 1 cells"),
        ("a.csv", "", [], "a.csv is empty"),
        ("a.pdf", "%PDF", [], "is nothing that a catalogue is made of"),
        ("a.parquet", "PAR1", [], "is not a readable Parquet file"),
    ],
)
def test_what_no_catalogue_can_be_made_of_is_said_in_one_line(
    use, repository_of_ones_own, tmp_path, name, content, arguments, said
):
    if content is not None:
        (tmp_path / name).write_text(content)
    before = (repository_of_ones_own / "params.yaml").read_bytes()
    (line,) = use(f"../{name}", "--yes", *arguments, status=1).splitlines()
    assert re.search(said, line)
    assert (repository_of_ones_own / "params.yaml").read_bytes() == before


def test_an_imagefolder_is_its_metadata_and_its_pictures(use, student, repository_of_ones_own, tmp_path):
    photos = tmp_path / "my photos"
    (photos / "notes.csv").write_text("no,table,of,pictures\n1,2,3,4\n")
    (photos / "metadata.csv").write_text(
        "file_name,colour,note\nIMG_001.jpg,red,warm\nIMG_002.jpg,blue,cold\n"
    )
    said = use("../my photos", "--yes", "--language", "en-GB", "--set", "note=")
    assert "58 pictures that no row names" in said
    params = load_params()
    assert params.raw.path == "../my photos/metadata.csv" and params.raw.pictures == "../my photos"
    assert params.raw.columns.fields == ["color=colour"] and params.raw.language == "en-GB"


def test_a_folder_with_several_tables_is_answered_with_their_names(
    use, student, repository_of_ones_own, tmp_path
):
    for name in ("styles.csv", "images.csv"):
        (tmp_path / "my photos" / name).write_text("image\nIMG_001.jpg\n")
    assert "holds several tables (images.csv, styles.csv): name the one to use" in use(
        "../my photos", status=1
    )


def test_the_smallest_folder_with_all_pictures_is_watched(use, student, repository_of_ones_own, tmp_path):
    shutil.copytree(tmp_path / "my photos", tmp_path / "more/deep/photos")
    (tmp_path / "more/other").mkdir()
    (tmp_path / "more/other/IMG_000.jpg").write_bytes(b"another")
    (tmp_path / "more/table.csv").write_text(
        "photo,color\ndeep/photos/IMG_000.jpg,red\ndeep/photos/IMG_001.jpg,red\n"
    )
    use("../more/table.csv", "--yes")
    assert load_params().raw.pictures == "../more/deep/photos"


def test_urls_are_counted_and_addresses_of_this_network_named(use, repository_of_ones_own, tmp_path):
    rows = "".join(f"{n},https://img.example/{n}.jpg,http://10.0.0.1/{n}.jpg\n" for n in range(3))
    (tmp_path / "shop.csv").write_text(f"id,image_link,additional_image_link\n{rows}")
    said = use("../shop.csv", "--yes")
    assert (
        "6 URLs, which `dvc repro` fetches" in said and "10.0.0.1 is of this machine or its network" in said
    )
    assert load_params().raw.pictures is None


def test_a_profile_may_be_set_with_it(use, student, repository_of_ones_own, repository):
    shutil.copytree(repository / "profiles", "profiles")
    use("../questions.csv", "--yes", "--profile", "blip")
    assert load_params().model.name == "Salesforce/blip-vqa-base" and load_params().raw.source == "table"
    assert "there is no profile 'moon'; there are: abo, blip" in use(
        "../questions.csv", "--profile", "moon", status=1
    )


@pytest.mark.parametrize(("answer", "changed"), [("y", True), ("", False), ("n", False)])
def test_a_yes_is_asked_for(use, student, repository_of_ones_own, monkeypatch, answer, changed):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda prompt: answer)
    before = (repository_of_ones_own / "params.yaml").read_bytes()
    said = use("../questions.csv")
    assert ((repository_of_ones_own / "params.yaml").read_bytes() != before) is changed
    assert ("nothing was changed" in said) is not changed


def test_what_the_pipeline_empties_is_no_place_for_ones_own(use, student, repository_of_ones_own, tmp_path):
    shutil.copytree(tmp_path / "my photos", "data/raw/photos")
    assert "which the pipeline empties: move your files elsewhere" in use("data/raw/photos", status=1)
    assert "which the pipeline empties" in use(".", status=1)


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_json_with_the_pairs_of_each_image_is_one_table(
    use, student, repository_of_ones_own, tmp_path, monkeypatch, form
):
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    pairs = [
        {"question": "What color is it?", "answer": "dark red"},
        {"question": "Is it round?", "answer": "no"},
    ]
    records = {f"IMG_{number:03d}.jpg": {"qa_pairs": pairs} for number in range(40)}
    if form == "jsonl":
        lines = [json.dumps({"image": name} | record) for name, record in records.items()]
        (tmp_path / "pairs.jsonl").write_text("\n".join(lines))
    else:
        (tmp_path / "pairs.json").write_text(json.dumps(records))
    said = use(f"../pairs.{form}", "--yes")
    assert "40 of ../my photos" in said and "80 questions with their answers" in said
    _, kept, _, _ = run_data_stages()
    assert len(kept) == 80 and set(kept["answer"]) == {"dark red", "no"}


def test_abos_layout_is_used_as_it_is(use, student, repository_of_ones_own, tmp_path):
    use("../questions.csv", "--yes")
    (tmp_path / "abo").mkdir()
    for name in ("abo-listings.tar", "abo-images-small.tar"):
        (tmp_path / "abo" / name).touch()
    said = use("../abo", "--yes")
    assert "../abo: a catalogue in ABO's layout" in said and "versions: 1 → 13" in said
    params = load_params()
    assert (params.raw.source, params.raw.path, params.raw.pictures) == ("path", "../abo", None)
    assert params.raw.columns.pictures == [] and len(params.versions) == 13
    assert params.filter.languages == ["en_US"] and params.generate.provider == "template"
