"""The local provider: an image-text-to-text model of transformers, in this process, on a CPU or a GPU.

The model is a folder or a model of the Hugging Face hub, in safetensors, with a chat template. There is no structured
output: generate.reply_format has no effect, and only the prompt's own words ask for JSON. Without
generate.temperature decoding is greedy; with one, tokens are sampled with a seed derived from the request, so that the
same request gets the same reply. Images are not batched, because a reply would depend, in its last digits and so in its
words, on the other images of the batch; a server such as vLLM is faster.

SmolVLM, Qwen-VL and others that take videos as well need torchvision (SmolVLM num2words, too), which vqatune
does not bring; Idefics3, LLaVA, Gemma 3, Llama 3.2 Vision do not.
"""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqatune.errors import ModelError, ParameterError
from vqatune.generation.prompts.prompt import Prompt
from vqatune.generation.providers import Ask, ProviderInfo
from vqatune.generation.providers.errors import PermanentError, TransientError
from vqatune.generation.providers.openai import parse_reply
from vqatune.loading.pictures import open_rgb
from vqatune.params import ComputeParams, GenerateParams

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from transformers import PretrainedConfig, PreTrainedModel, ProcessorMixin

__all__ = ["INFO", "connect", "parse_reply"]

# One image is answered after the other; a second request waits in line.
INFO = ProviderInfo(family="local", max_concurrency=2, runs_model_here=True)

_MOST_PIXELS = 2**26
"""The largest number of a size of pictures: some families count pixels."""
_MOST_TIMES = 16

# Texts that show what a chat template does with a prompt and a listing.
_PROBES = ("probe of the prompt", "probe of the listing")


@dataclass(frozen=True)
class _Local:
    """A loaded model; `system` says whether its chat template takes a system message."""

    params: GenerateParams
    model: "PreTrainedModel"
    processor: "ProcessorMixin"
    device: "torch.device"
    system: bool
    made_by: str


@asynccontextmanager
async def connect(params: GenerateParams, compute: ComputeParams) -> AsyncIterator[Ask]:
    """Load generate.model and yield the function that sends it requests; requests in progress end with the context.

    The replies have OpenAI's form. There is no timeout: a reply ends at an end token or at generate.max_output_tokens.

    Raises ParameterError where the model is not pinned, has no chat template, or the device is absent, and ModelError
    where it is missing, incomplete, no image-text-to-text model, or needs a package that is not installed.
    """
    loop, closing = asyncio.get_running_loop(), threading.Event()
    # The model is loaded and run in a thread of its own, so that the event loop goes on.
    pool = ThreadPoolExecutor(1, "local-model")
    try:
        local = await loop.run_in_executor(pool, _load, params, compute)

        async def ask(image: bytes, metadata: str, prompt: Prompt, key: str) -> dict[str, Any]:
            stop = threading.Event()
            try:
                return await loop.run_in_executor(
                    pool, _reply, local, image, metadata, prompt, (stop, closing)
                )
            finally:
                stop.set()

        yield ask
    finally:
        closing.set()
        pool.shutdown(cancel_futures=True)


def _load(params: GenerateParams, compute: ComputeParams) -> _Local:
    name, revision = params.model or "", params.revision
    if revision is None and not Path(name).is_dir():
        raise ParameterError(
            f"generate.model {name!r} is no folder here; if it is a model of the hub, generate.revision must pin it to a "
            "commit, for the same weights"
        )
    from safetensors import SafetensorError
    from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor
    from transformers.utils import logging

    from vqatune.models.device import PRECISIONS, device_name, start

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    device = start(compute, 0, "generate")
    dtype = PRECISIONS[compute.precision]
    try:
        config = _checked_config(name, {} if revision is None else {"revision": revision})
        processor = AutoProcessor.from_pretrained(name, revision=revision, trust_remote_code=False)
        if not hasattr(processor, "image_processor"):
            raise ValueError("it has no processor of images")
        # Pillow preprocesses images, so that they are the same on every machine.
        processor.image_processor = AutoImageProcessor.from_pretrained(
            name, revision=revision, backend="pil", trust_remote_code=False
        )
        system = _takes_system(processor, name)
        model, loading = AutoModelForImageTextToText.from_pretrained(
            name,
            revision=revision,
            config=config,
            trust_remote_code=False,
            dtype=dtype,
            device_map={"": device},
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        said = (" ".join(str(error).split()) or type(error).__name__)[:200]
        advice = "install it" if isinstance(error, ImportError) else "check the name and the connection"
        raise ModelError(
            f"generate.model {name} cannot be loaded as an image-text-to-text model ({said}): {advice}, or name another"
        ) from error
    for kind in ("missing_keys", "mismatched_keys"):
        if names := sorted(str(key) for key in loading.get(kind) or ()):
            raise ModelError(
                f"generate.model {name} does not hold the weights of its architecture, {kind.replace('_', ' ')}: "
                f"{', '.join(names[:3])}; get it again"
            )
    return _Local(
        params, model.eval(), processor, device, system, f"{device_name(device)} {compute.precision}"
    )


def _checked_config(name: str, hub: dict[str, Any]) -> "PretrainedConfig":
    """Return the configuration of a model whose files were checked, without its choice of code that computes attention.

    Raises ValueError where they are damaged, or say what no model has, and OSError where one is missing.
    """
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    from vqatune.models.folder_files.folder import check_model_files, check_processor_files
    from vqatune.models.weight_files import find_weights, stored_numbers

    check_model_files(name, any_inner=True, **hub)
    check_processor_files(name, _MOST_PIXELS, any_inner=True, **hub)
    files = find_weights(name, **hub)
    config = AutoConfig.from_pretrained(name, trust_remote_code=False, **hub)
    # What a file names may be code on the hub.
    config._attn_implementation = config._experts_implementation = None
    with torch.device("meta"):
        empty = AutoModelForImageTextToText.from_config(deepcopy(config), trust_remote_code=False)
    described, stored = sum(weight.numel() for weight in empty.parameters()), stored_numbers(files)
    # Packed weights of quantized models are several to a stored number.
    if described > _MOST_TIMES * stored + 2**20:
        raise ValueError(
            f"config.json describes a model of {described:,} weights, and its files hold {stored:,}"
        )
    return config


def _takes_system(processor: "ProcessorMixin", name: str) -> bool:
    """Return whether the chat template renders a system message beside an image."""
    from jinja2 import TemplateError

    if not processor.chat_template:
        raise ParameterError(
            f"generate.model {name} has no chat template: name a model that is tuned to chat"
        )
    for system in (True, False):
        conversation = _conversation(*_PROBES, system, None)
        blind = [message | {"content": message["content"][-1:]} for message in conversation]
        try:
            text, without = (
                processor.apply_chat_template(each, add_generation_prompt=True, tokenize=False)
                for each in (conversation, blind)
            )
        except (TemplateError, TypeError, ValueError):
            continue
        # A template that expects plain strings may print a list of parts as Python does.
        if all(text.count(probe) == 1 for probe in _PROBES) and text != without and "'type'" not in text:
            return system
    raise ParameterError(
        f"generate.model {name} has a chat template that does not take an image with a text: name another model"
    )


def _conversation(prompt: str, listing: str, system: bool, image: "Image | None") -> list[dict[str, Any]]:
    seen = [{"type": "image"} if image is None else {"type": "image", "image": image}]
    if system:
        told = [{"role": "system", "content": [{"type": "text", "text": prompt}]}]
    else:
        told = []
        listing = f"{prompt}\n\n{listing}"
    return [*told, {"role": "user", "content": [*seen, {"type": "text", "text": listing}]}]


def _reply(
    local: _Local, image: bytes, metadata: str, prompt: Prompt, stops: tuple[threading.Event, ...]
) -> dict[str, Any]:
    """Generate the reply about one image, in the pool's thread; ends soon after one of `stops` is set."""
    import torch
    from transformers import StoppingCriteria, StoppingCriteriaList

    from vqatune.models.device import reseed

    class Stopped(StoppingCriteria):
        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: object) -> torch.Tensor:
            stopped = any(stop.is_set() for stop in stops)
            return torch.full((input_ids.shape[0],), stopped, device=input_ids.device)

    try:
        picture = open_rgb(image)
    except ValueError as error:
        raise PermanentError("undecodable", str(error)) from None
    try:
        inputs = local.processor.apply_chat_template(
            _conversation(prompt.text, _plain(local.processor, metadata), local.system, picture),
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
    except ValueError as error:
        # Such as an image that is too narrow for the model's patches.
        raise PermanentError("refused", " ".join(str(error).split())[:200]) from None
    asked = inputs["input_ids"].shape[1]
    context = getattr(local.model.config.get_text_config(), "max_position_embeddings", None)
    longest = (
        min(local.params.max_output_tokens, context - asked) if context else local.params.max_output_tokens
    )
    if longest < 1:
        raise PermanentError("too large", f"{asked} tokens do not fit into the model's context of {context}")
    temperature = local.params.temperature or 0.0
    drawn = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
    try:
        with torch.random.fork_rng([local.device] if local.device.type == "cuda" else []):
            reseed(0, "generate", hashlib.sha256(image).hexdigest(), metadata, prompt.digest)
            with torch.inference_mode():
                tokens = local.model.generate(
                    **inputs.to(local.device, local.model.dtype),
                    **drawn,
                    max_new_tokens=longest,
                    stopping_criteria=StoppingCriteriaList([Stopped()]),
                )[0, asked:].tolist()
    except torch.OutOfMemoryError:
        # Other processes may free GPU memory; an image that is too large by itself is set aside after its attempts.
        torch.cuda.empty_cache()
        raise TransientError(
            "out of memory", f"{asked} tokens and their reply do not fit on the GPU"
        ) from None
    ends = local.model.generation_config.eos_token_id
    ended = bool(tokens) and tokens[-1] in (ends if isinstance(ends, list) else [ends])
    message = {
        "role": "assistant",
        "content": local.processor.tokenizer.decode(tokens, skip_special_tokens=True),
    }
    return {
        "model": local.params.model,
        "system_fingerprint": local.made_by,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop" if ended else "length"}],
        "usage": {
            "prompt_tokens": asked,
            "completion_tokens": len(tokens),
            "total_tokens": asked + len(tokens),
        },
    }


def _plain(processor: "ProcessorMixin", listing: str) -> str:
    """Return a fenced listing with the tokenizer's special tokens escaped in JSON.

    Not every model's special tokens have the "<" that a listing never has.
    """
    added = processor.tokenizer.added_tokens_decoder.values()
    for token in sorted({token.content for token in added if token.special}, key=len, reverse=True):
        if not token[0].isalnum():
            listing = listing.replace(token, f"\\u{ord(token[0]):04x}{token[1:]}")
    return listing
