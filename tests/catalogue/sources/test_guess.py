"""The parts of columns in tables as they are exported, and corrections of them."""

import csv
import io
from pathlib import Path

import pytest

from vqatune.catalogue.sources.guess import corrections, guess_columns, guess_pairs
from vqatune.errors import DataError
from vqatune.text_files.cells import Table

SHOPIFY = """\
Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Grams,Variant Price,Image Src,Image Position,Image Alt Text,Variant Image,SEO Title,Status
red-mug,Red mug,<p>A <b>red</b> mug</p>,Acme,Home > Mugs,Mug,"red, mug",true,Color,Red,Size,Large,S1,350,9.50,https://cdn.shopify.com/s/files/1/mug_1.jpg?v=12,1,Front of it,https://cdn.shopify.com/s/files/1/mug_1.jpg?v=12,Mug,active
red-mug,,,,,,,,,Blue,,Small,S2,350,9.50,https://cdn.shopify.com/s/files/1/mug_2.jpg?v=12,2,,,,
red-mug,,,,,,,,,,,,,,,https://cdn.shopify.com/s/files/1/mug_3.jpg?v=12,3,,,,
hat,Straw hat,<p>Straw</p>,Acme,Clothing > Hats,Hat,straw,true,Color,Yellow,Size,Large,S3,80,19.00,https://cdn.shopify.com/s/files/1/hat.jpg?v=3,1,,,Hat,active
cap,Cap,<p>Wool</p>,Acme,Clothing > Hats,Hat,wool,true,Color,Grey,Size,Large,S4,80,15.00,https://cdn.shopify.com/s/files/1/cap.jpg?v=3,1,,,Cap,active
"""
GOOGLE = """\
id\ttitle\tdescription\tlink\timage_link\tadditional_image_link\tavailability\tprice\tbrand\tgtin\tproduct_type\tgoogle_product_category\tcolor\tmaterial\titem_group_id
1\tRed mug\tA mug of clay\thttps://shop.example/1\thttps://img.example/1.jpg\thttps://img.example/1b.jpg,https://img.example/1c.jpg\tin_stock\t9.50 EUR\tAcme\t4006381333931\tMugs\t2169\tred\tceramic\tg1
2\tBlue mug\tA mug of tin\thttps://shop.example/2\thttps://img.example/2.jpg\t\tin_stock\t9.50 EUR\tAcme\t4006381333948\tMugs\t2169\tblue\ttin\tg1
"""
STYLES = """\
id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName
15970,Men,Apparel,Topwear,Shirts,Navy Blue,Fall,2011,Casual,Turtle Check Men Navy Blue Shirt
39386,Men,Apparel,Bottomwear,Jeans,Blue,Summer,2012,Casual,Peter England Men Party Blue Jeans
59263,Women,Apparel,Topwear,Shirts,White,Winter,2016,Casual,Titan Women White Shirt
21379,Men,Apparel,Bottomwear,Jeans,Black,Fall,2011,Casual,Manchester Men Solid Black Jeans
"""
IMAGEFOLDER = "file_name,text\na/0001.png,a cat on a mat\nb/0002.png,a dog\n"
VQA = """\
question_id,image,Question,answer,answer_type,category
1,a.jpg,What color is it?,red,other,x
2,a.jpg,Is it round?,yes,yes/no,y
3,b.jpg,What color is it?,blue,other,x
"""


def table(text: str, delimiter: str = ",") -> Table:
    header, *rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    columns = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    return Table(Path("a.csv"), columns, range(2, len(rows) + 2), "line")


def guess(text, finds=lambda name: False, delimiter=",", **given):
    cells = table(text, delimiter)
    return guess_columns(cells, guess_pairs(cells, given), finds, given)


def test_shopify_is_a_row_an_image_grouped_by_its_handle():
    columns = guess(SHOPIFY)
    assert (columns.pictures, columns.id, columns.position) == (["Image Src"], "Handle", "Image Position")
    assert columns.type == "Type" and columns.separator is None
    fields = dict(columns.field_columns)
    assert fields["item_name"] == "Title" and fields["product_description"] == "Body (HTML)"
    assert fields["color"] == "Option1 Value" and fields["size"] == "Option2 Value"
    assert not {"Variant SKU", "Variant Price", "Status", "Published", "Variant Image"} & set(fields.values())


def test_google_merchant_has_more_images_in_a_column_of_their_own():
    columns = guess(GOOGLE, delimiter="\t")
    assert columns.pictures == ["image_link", "additional_image_link"] and columns.separator == ","
    assert (columns.id, columns.type) == ("id", "product_type")
    fields = dict(columns.field_columns)
    assert fields.keys() == {"item_name", "product_description", "brand", "color", "material"}


def test_kaggles_styles_name_their_pictures_by_id():
    names = {"15970", "39386", "59263", "21379"}
    columns = guess(STYLES, names.__contains__)
    assert (columns.pictures, columns.id, columns.type) == (["id"], None, "articleType")
    fields = dict(columns.field_columns)
    assert fields["color"] == "baseColour" and fields["item_name"] == "productDisplayName"
    assert "year" not in fields and fields["season"] == "season"


def test_an_imagefolder_has_file_names_and_texts():
    columns = guess(IMAGEFOLDER, {"a/0001.png", "b/0002.png"}.__contains__)
    assert columns.pictures == ["file_name"] and columns.fields == ["product_description=text"]


def test_a_table_of_questions_has_no_ids_or_types_that_are_those_of_questions():
    cells = table(VQA)
    pairs = guess_pairs(cells, {})
    assert (pairs.question, pairs.answer, pairs.difficulty) == ("Question", "answer", None)
    columns = guess_columns(cells, pairs, {"a.jpg", "b.jpg"}.__contains__, {})
    assert columns.pictures == ["image"] and columns.id is columns.type is None


def test_a_table_with_questions_and_attributes_gives_both():
    text = "image,question,answer,color,sku\na.jpg,What?,mug,red,1\na.jpg,Who?,me,red,1\nb.jpg,What?,hat,blue,2\n"
    columns = guess(text, {"a.jpg", "b.jpg"}.__contains__)
    assert columns.fields == ["color=color"] and columns.id == "sku"


@pytest.mark.parametrize(
    ("cell", "separator"),
    [
        ("a.jpg|b.jpg", "|"),
        ("a.jpg; b.jpg", ";"),
        ("https://x.example/a.jpg,https://x.example/b.jpg", ","),
        ("https://x.example/a.jpg https://x.example/b.jpg", " "),
        ('["a.jpg", "b.jpg"]', None),
        ("['a.jpg', 'b.jpg']", None),
        ("https://x.example/a.jpg?size=1,2", None),
        ("a b.jpg", None),
    ],
)
def test_the_separator_between_pictures_is_found_out(cell, separator):
    quoted = cell.replace('"', '""')
    columns = guess(f'images,name\n"{quoted}",x\n', {"a.jpg", "b.jpg", "a b.jpg"}.__contains__)
    assert columns.pictures == ["images"] and columns.separator == separator


def test_a_guess_is_corrected():
    given = corrections(["image=b", "type=", "color=farbe", "id=c", "separator=#"])
    columns = guess("a,b,c,type,farbe\n1,x.jpg#y.jpg,2,T,rot\n", **given)
    assert columns.pictures == ["b"] and columns.separator == "#" and columns.id == "c"
    assert columns.type is None and columns.fields[0] == "color=farbe"
    assert guess("a,b,x\n1,2,3\n", **corrections(["image=a", "fields=x"])).fields == ["x=x"]
    assert guess("a,b,x\n1,two,three\n", **corrections(["image=a", "fields="])).fields == []


@pytest.mark.parametrize("text", ["image", "=a", "image:a"])
def test_a_correction_that_is_none_is_said(text):
    with pytest.raises(DataError, match="write PART=COLUMN"):
        corrections([text])


def test_a_column_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(DataError, match=r"no column 'photo' \(--set pictures=photo\); it has: a, b"):
        guess("a,b\n1,2\n", **corrections(["image=photo"]))
    with pytest.raises(DataError, match="no column known to name pictures"):
        guess("name,color\nmug,red\n")
