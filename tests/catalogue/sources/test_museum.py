"""Records of museums in the forms of Europeana, DPLA and the Smithsonian, from the file to listings, images and pairs."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from whole_tables import extract_catalogue, filter_images

from vqatune.catalogue.raw import prepare_raw
from vqatune.catalogue.sources.museum import museum_form, museum_rows
from vqatune.catalogue.sources.museum_records import FIELDS
from vqatune.cli import main
from vqatune.errors import DataError
from vqatune.generation.generate import generate_pairs
from vqatune.params import load_params
from vqatune.params.render import params_yaml
from vqatune.showroom.museum.drawing import draw, framing
from vqatune.showroom.museum.objects import random_object

EUROPEANA_SEARCH = {
    "success": True,
    "items": [
        {
            "id": "/9/vase_1",
            "type": "IMAGE",
            "title": ["Vase mit Sonne", "Vase with sun"],
            "dcTitleLangAware": {"de": ["Vase mit Sonne"], "en": ["Vase with sun"]},
            "dcCreatorLangAware": {"def": ["Greta Novak", "http://data.europeana.eu/agent/1"]},
            "dcTypeLangAware": {"de": ["Vase"], "en": ["Vase"]},
            "dcSubjectLangAware": {"de": ["Sonne"]},
            "dcFormatLangAware": {"de": ["glasierte Keramik"]},
            "edmPlaceLabelLangAware": {"de": ["Anden"], "en": ["Andes"]},
            "dcLanguage": ["de"],
            "edmIsShownBy": ["https://pictures.example/a/vase-front.jpg"],
            "dataProvider": ["Drawn Museum"],
            "rights": ["http://creativecommons.org/publicdomain/zero/1.0/"],
        }
    ],
}
EUROPEANA_RECORD = {
    "object": {
        "about": "/9/vase_1",
        "type": "IMAGE",
        "aggregations": [
            {
                "edmIsShownBy": "https://pictures.example/a/vase-front.jpg",
                "hasView": ["https://pictures.example/a/vase-light.jpg"],
                "edmDataProvider": {"def": ["Drawn Museum"]},
                "edmRights": {"def": ["http://creativecommons.org/publicdomain/zero/1.0/"]},
            }
        ],
        "proxies": [
            {"europeanaProxy": True, "dcTitle": {"en": ["not this"]}},
            {
                "europeanaProxy": False,
                "dcTitle": {"de": ["Vase mit Sonne"]},
                "dcCreator": {"def": ["Greta Novak"]},
                "dcType": {"de": ["Vase"]},
                "dctermsMedium": {"de": ["glasierte Keramik"]},
                "dctermsSpatial": {"de": ["Anden"]},
            },
        ],
    }
}
DPLA = {
    "count": 1,
    "docs": [
        {
            "id": "0a1b",
            "object": "https://pictures.example/a/vase-front.jpg",
            "isShownAt": "https://pictures.example/page",
            "dataProvider": {"name": "Drawn Museum"},
            "rights": "http://rightsstatements.org/vocab/NoC-US/1.0/",
            "sourceResource": {
                "title": ["Vase with sun"],
                "creator": ["Novak, Greta"],
                "subject": [{"name": "Sun"}],
                "spatial": [{"name": "Andes", "country": "Peru"}],
                "format": ["Vases"],
                "language": [{"name": "English", "iso639_3": "eng"}],
                "collection": {"title": "Rossi Collection"},
                "temporal": [{"displayDate": "Bronze Age"}],
                "type": ["physical object"],
            },
        }
    ],
}
SMITHSONIAN = {
    "id": "edanmdm-x_1",
    "title": "Vase with sun",
    "unitCode": "X",
    "content": {
        "descriptiveNonRepeating": {
            "record_ID": "x_1",
            "title": {"label": "Title", "content": "Vase with sun"},
            "data_source": "Drawn Museum",
            "metadata_usage": {"access": "CC0"},
            "online_media": {
                "media": [
                    {
                        "type": "Images",
                        "idsId": "X-1",
                        "content": "https://pictures.example/a/vase-front.jpg",
                    },
                    {
                        "type": "Images",
                        "idsId": "X-2",
                        "content": "https://pictures.example/a/vase-light.jpg",
                    },
                    {"type": "3d_voyager", "content": "https://pictures.example/a/vase.glb"},
                ]
            },
        },
        "indexedStructured": {
            "object_type": ["Vases"],
            "topic": ["Sun"],
            "place": ["Andes"],
            "date": ["1900s"],
        },
        "freetext": {
            "name": [{"label": "Artist", "content": "Greta Novak"}],
            "physicalDescription": [
                {"label": "Medium", "content": "Glazed ceramic"},
                {"label": "Dimensions", "content": "20 x 10 cm"},
            ],
            "setName": [{"label": "See more items in", "content": "Rossi Collection"}],
            "identifier": [{"label": "Accession Number", "content": "1923.1"}],
        },
    },
}
FORMS = {
    "Europeana": ("search.json", json.dumps(EUROPEANA_SEARCH)),
    "Europeana record": ("record.json", json.dumps(EUROPEANA_RECORD)),
    "DPLA": ("items.json", json.dumps(DPLA)),
    "Smithsonian": ("00.txt", json.dumps(SMITHSONIAN) + "\n"),
}


@pytest.fixture
def write(tmp_path):
    """Write the records of a form, and the pictures beside them."""

    def write(form: str) -> Path:
        folder = tmp_path / "records"
        folder.mkdir()
        name, text = FORMS[form]
        (folder / name).write_text(text, encoding="utf-8")
        thing = random_object(1, "vase", kind="VASE")
        for view in ("front", "light"):
            draw(thing, framing(view, 1, 0), 64).save(folder / f"vase-{view}.jpg")
        return folder

    return write


def said(folder: Path) -> dict[str, dict[str, list[str]]]:
    """What is said in each language, by its tag."""
    table = museum_rows(folder)
    return {
        tag: {name: cells[row] for name, cells in table.columns.items() if name in FIELDS and cells[row]}
        for row, tag in enumerate(table.columns["tag"])
    }


def test_europeanas_language_maps_are_kept_apart(write):
    values = said(write("Europeana"))
    assert values["de"]["title"] == ["Vase mit Sonne"] and values["en"]["title"] == ["Vase with sun"]
    assert values["de"]["material"] == ["glasierte Keramik"] and "material" not in values["en"]
    # A link to an entity is no name.
    assert values[""]["creator"] == ["Greta Novak"]


def test_of_a_record_of_europeana_the_museums_words_come_first(write):
    values = said(write("Europeana record"))
    assert values["de"]["title"] == ["Vase mit Sonne"]
    assert values["de"]["material"] == ["glasierte Keramik"]
    assert values[""]["institution"] == ["Drawn Museum"]


def test_dplas_names_are_read_out_of_their_objects(write):
    values = said(write("DPLA"))["en"]
    assert (values["subject"], values["place"], values["type"]) == (["Sun"], ["Andes"], ["Vases"])
    assert (values["collection"], values["period"]) == (["Rossi Collection"], ["Bronze Age"])


def test_the_smithsonians_labels_say_what_a_text_is(write):
    values = said(write("Smithsonian"))
    assert values["en"]["material"] == ["Glazed ceramic"]
    assert values[""]["dimensions"] == ["20 x 10 cm"]
    assert values[""]["accession_number"] == ["1923.1"]
    assert values[""]["rights"] == ["CC0"]


@pytest.mark.parametrize("form", FORMS)
def test_records_become_pairs_by_use_and_the_stages(form, write, tmp_path, monkeypatch, capsys):
    folder = write(form)
    (tmp_path / "repository").mkdir()
    monkeypatch.chdir(tmp_path / "repository")
    Path("params.yaml").write_text(params_yaml())
    main(["use", str(folder), "--yes"])
    assert f"templates ask for the fields of {form.split()[0]}'s records" in capsys.readouterr().out
    assert yaml.safe_load(Path("params.yaml").read_text())["filter"]["one_language"]
    params = load_params(Path("params.yaml"))
    assert (params.raw.source, params.generate.answer_words) == ("museum", None)
    prepare_raw(params.raw, params.seed, Path("data/raw"))
    extracted = extract_catalogue(params.raw, Path("data/raw"), max_bad_lines=0)
    filtered, _ = filter_images(extracted.listings, extracted.images, params.filter)
    assert len(filtered) == (1 if form in ("Europeana", "DPLA") else 2)
    sampled = filtered.assign(tier=0, repeats=1)
    kept, dropped, _ = generate_pairs(sampled, params.generate, params.compute, params.seed)
    assert dropped.empty
    of_one = kept[kept["image_id"] == kept["image_id"].iloc[0]]
    answers = dict(zip(of_one["attribute"], of_one["answer"], strict=True))
    german = "Europeana" in form
    assert answers["title"] == ("Vase mit Sonne" if german else "Vase with sun")
    assert answers["place"] == ("Anden" if german else "Andes")
    assert "creator" not in answers
    assert set(kept["language"]) == {"de" if german else "en"}


def test_other_json_is_no_museums_and_a_record_without_a_form_is_named(tmp_path):
    (tmp_path / "other.json").write_text('[{"image": "a.jpg", "question": "What?", "answer": "a vase"}]')
    assert museum_form(tmp_path / "other.json") is None
    with pytest.raises(DataError, match=r"other\.json: record 1 has neither"):
        museum_rows(tmp_path)


def test_the_same_record_twice_is_one_listing(write):
    folder = write("Smithsonian")
    (folder / "01.txt").write_text(json.dumps(SMITHSONIAN) + "\n")
    ids = pd.Series(museum_rows(folder).columns["id"])
    assert ids.nunique() == 1
