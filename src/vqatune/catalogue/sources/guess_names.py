"""Common names of columns, plain (text_files.column_names), by the part that they play."""

import re

from vqatune.text_files.column_names import IMAGE_ID, IMAGE_PATH

PICTURES = [
    # Shopify, Google Merchant.
    *("imagesrc", "imagelink", "additionalimagelink", "additionalimagelinks", "additionalimageurl"),
    *IMAGE_PATH,
    *("imageurls", "imageurl1", "imagelinks", "otherimages", "additionalimages", "gallery", "hyperlink"),
    *(
        "mainimage",
        "mainimageurl",
        "productimage",
        "imgurl",
        "imgsrc",
        "imgs",
        "photourl",
        "thumbnail",
        "jpg",
        "png",
    ),
    *("bild", "bilder", "foto", "imagen", "immagine", "画像"),
    *IMAGE_ID,
]
ID = [
    # Shopify's rows are an image or a variant each; its handle is the product's.
    *("handle", "itemid", "productid", "parentsku", "asin", "sku", "articleid", "styleid", "productcode"),
    *("itemcode", "articlenumber", "uniqid", "uniqueid", "id", "uid", "gtin", "artikelnummer"),
]
TYPE = [
    *("producttype", "articletype", "customproducttype", "type", "itemtype", "category", "categories"),
    *(
        "productcategory",
        "googleproductcategory",
        "subcategory",
        "categoryname",
        "class",
        "classname",
        "label",
    ),
    *("cls", "department", "mastercategory", "kategorie", "warengruppe"),
]
POSITION = ["imageposition", "imageorder", "imageindex", "position"]
LANGUAGE = ["language", "languagetag", "languagecode", "lang", "locale", "contentlanguage", "sprache"]
FIELDS = {
    "item_name": "title name productname productdisplayname productcardname itemname displayname producttitle titel "
    "bezeichnung nom titre nombre titolo",
    "product_description": "description productdescription longdescription shortdescription desc bodyhtml body "
    "caption text txt beschreibung descripcion",
    "bullet_point": "bulletpoint bulletpoints features aboutproduct producthighlight highlights",
    "color": "color colour basecolour basecolor colorname colourname colors colours maincolor primarycolor farbe "
    "couleur colore 色",
    "material": "material materials materialien matiere matière matériau materiale 素材 材質",
    "fabric_type": "fabrictype fabric fabrics cloth",
    "pattern": "pattern print muster motif motivo estampado fantasia 柄",
    "item_shape": "itemshape shape form forme forma 形 形状",
    "style": "style stil estilo stile スタイル",
    "finish_type": "finishtype finish oberfläche oberflaeche finition acabado finitura 仕上げ",
}
"""A field of the metadata that templates know → names of its column."""

# Of no use to one who asks about a picture.
LEFT_OUT = re.compile(
    r"price|cost|sku|barcode|gtin|ean$|upc|mpn|inventory|qty|quantity|stock|availab|status|published|taxable|shipping"
    r"|tax|^seo|gift|fulfil|^link$|url|href|weight|grams|rating|review|discount|sale|currency|created|updated|^date"
    r"|timestamp|^unnamed|^split$|^index$|^rowid$|vendorid|condition$|^google|custom\s?label"
)
PARTS = ("pictures", "separator", "id", "type", "position", "language")
PAIR_PARTS = ("question", "answer", "difficulty")
