"""A version as a checkpoint of its own: the adapter merged into the base model, with a model card."""

from pathlib import Path

from safetensors import SafetensorError

from vqatune.errors import DataError
from vqatune.inference.answering.load_version import load_whole_encoder, merge_adapter
from vqatune.models import lora
from vqatune.models.checkpoint import load_model
from vqatune.publishing.cards.merged import model_card
from vqatune.publishing.lineage import check_base, find_base, lineage
from vqatune.tables import replacing_folder


def export_merged(version: str, folder: Path, root: Path = Path()) -> None:
    """Write a version, merged into its base model, as a checkpoint that stock transformers loads.

    Its weights are in the dtype of the base's.

    Args:
        version: its name, such as v13.
        folder: new or empty; gets the model, its processor and the card README.md, all of it or nothing.
        root: the repository, whose models, metrics and data are read.

    Raises:
        ModelError: there is no such version or no base model, or they do not belong together.
        DataError: the folder is taken or cannot be written, or a table that the card is made from is damaged.
        ParameterError: params.yaml is needed for the card, and is not valid.
    """
    adapter = root / "models" / version
    chain = lineage(version, root / "models")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} exists and is not an empty folder: name another one")
    base = find_base(root / "models")
    model = load_model(base, None)
    check_base(base, chain)
    encoder = load_whole_encoder(adapter)
    card = model_card(chain, lora.adapter_params(adapter), root)
    merged = merge_adapter(model, adapter)
    try:
        with replacing_folder(folder) as unfinished:
            merged.save_pretrained(unfinished)
            encoder.family.save_processor(encoder.processor, unfinished)
            (unfinished / "README.md").write_text(card, encoding="utf-8")
            # safetensors leaves weights that nobody but their owner may read.
            for weights in unfinished.glob("*.safetensors"):
                weights.chmod(0o644)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{folder} cannot be written ({error}): name a place with room for it") from error
