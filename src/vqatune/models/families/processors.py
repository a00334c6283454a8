"""What several families have in common: errors of loading, writing of processors, and the making of tiny models."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, ProcessorMixin

from vqatune.errors import ModelError, ParameterError
from vqatune.models.checkpoint import DAMAGED
from vqatune.params import TinyParams


@contextmanager
def processor_errors(source: str | Path, kind: str) -> Iterator[None]:
    """Turn what transformers raises of a processor that it cannot load into a ModelError of one line."""
    try:
        yield
    except DAMAGED as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{source} cannot be loaded as {kind}: {reason}") from error


def write_processor(processor: ProcessorMixin, folder: Path) -> None:
    """Write a processor; the same one gives the same bytes."""
    # transformers notes whether it was offline (HF_HUB_OFFLINE), which would make other bytes of the same tokenizer.
    processor.tokenizer.init_kwargs["local_files_only"] = False
    processor.save_pretrained(folder)


def required_size(tiny: TinyParams | None) -> TinyParams:
    """Return the size of a tiny model; raises ParameterError without one, as the usual size has billions of weights."""
    if tiny is None:
        raise ParameterError("model.source random is for model.family blip: take showroom or hub")
    return tiny


def make_tokenizer(
    texts: Sequence[str], vocabulary: int, special: Sequence[str], extra: Mapping[str, str]
) -> PreTrainedTokenizerFast:
    """Build a byte-level BPE tokenizer; it does not depend on the order of the texts.

    Args:
        texts: as they stand in prompts and answers.
        vocabulary: the largest number of tokens; never fewer than those of bytes and signs.
        special: the special tokens of padding, the beginning and the end of a text, and others: their ids begin at 0.
        extra: those that the tokenizer has an attribute for, by its name, such as image_token.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    padding, start, end, *others = special
    named = set(extra.values())
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=start,
        eos_token=end,
        pad_token=padding,
        extra_special_tokens=dict(extra),
        additional_special_tokens=[token for token in others if token not in named],
    )
