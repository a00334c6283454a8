"""What several families have in common: loading and writing of processors, and the making of tiny models."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import ascii_lowercase, digits, punctuation
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import BertTokenizer, PreTrainedTokenizerFast, ProcessorMixin

from vqatune.errors import ParameterError
from vqatune.models.checkpoint import model_errors
from vqatune.models.folder_files.config import SIDE
from vqatune.models.folder_files.folder import check_processor_files
from vqatune.params import TinyParams

BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BERT_VOCABULARY = 30522
"""Vocabulary size of bert-base-uncased, whose tokenizer BLIP and ViLT have."""


@contextmanager
def loading_processor(source: str | Path, kind: str, most: int = SIDE, **hub: Any) -> Iterator[None]:
    """Check a processor's files before the block loads them, and turn what is raised into a ModelError of one line.

    Args:
        source: the folder or hub name.
        kind: of processor, with its article.
        most: the largest number of an image's size: a side's pixels, or all pixels where a family counts those.
        hub: `revision`, for a name.
    """
    with model_errors(f"{source} cannot be loaded as {kind}"):
        check_processor_files(source, most, **hub)
        yield


def write_processor(processor: ProcessorMixin, folder: Path) -> None:
    """Write a processor; the same one gives the same bytes."""
    # transformers notes whether it was offline (HF_HUB_OFFLINE), which would make other bytes of the same tokenizer.
    processor.tokenizer.init_kwargs["local_files_only"] = False
    processor.save_pretrained(folder)


def required_size(tiny: TinyParams | None) -> TinyParams:
    """Return the size of a tiny model; raises ParameterError without one, as the usual size has billions of weights."""
    if tiny is None:
        raise ParameterError("model.source random is for model.family blip: take tiny or hub")
    return tiny


def make_tokenizer(
    texts: Sequence[str], vocabulary: int, special: Sequence[str], extra: Mapping[str, str], **options: Any
) -> PreTrainedTokenizerFast:
    """Build a byte-level BPE tokenizer; it does not depend on the order of the texts.

    Args:
        texts: as they stand in prompts and answers.
        vocabulary: the largest number of tokens; never fewer than those of bytes and signs.
        special: the special tokens of padding, the beginning and the end of a text, and others: their ids begin at 0.
        extra: those that the tokenizer has an attribute for, by its name, such as image_token.
        options: of the tokenizer, which it is saved with.
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
        **options,
    )


def make_word_pieces(texts: Sequence[str], vocabulary: int) -> BertTokenizer:
    """Build a WordPiece tokenizer; it does not depend on the order of the texts.

    Its vocabulary is the single characters, so that any word can be spelled, then the texts' most frequent words (ties
    in alphabetical order), `vocabulary` tokens in all.
    """
    bare = BertTokenizer(vocab={token: index for index, token in enumerate(BERT_SPECIAL)})
    split = bare.backend_tokenizer.pre_tokenizer.pre_tokenize_str
    normal = bare.backend_tokenizer.normalizer.normalize_str
    counts: Counter[str] = Counter()
    for text, repeated in Counter(texts).items():
        for word, _ in split(normal(text)):
            counts[word] += repeated
    characters = sorted({*ascii_lowercase, *digits, *punctuation})
    pieces = [*characters, *(f"##{character}" for character in [*ascii_lowercase, *digits])]
    words = sorted((word for word in counts if word not in pieces), key=lambda word: (-counts[word], word))
    tokens = [*BERT_SPECIAL, *pieces, *words][:vocabulary]
    return BertTokenizer(vocab={token: index for index, token in enumerate(tokens)})
