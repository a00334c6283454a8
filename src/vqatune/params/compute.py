"""The parameters of compute: device and precision."""

from typing import Literal

from pydantic import Field

from vqatune.params.section import Amount, Count, Section

Precision = Literal["float32", "bf16", "fp16"]
Quantization = Literal["none", "int8", "nf4"]


class ComputeParams(Section):
    """Device, precision and processes of all models."""

    device: str = Field("auto", description="auto (a GPU where there is one), cpu, cuda, cuda:1, mps, …")
    precision: Precision = Field(
        "float32",
        description="Of the base model's weights. bf16: half the memory, and faster where the GPU or CPU has "
        "instructions for it; fp16: for older GPUs. The adapter is always float32.",
    )
    quantization: Quantization = Field(
        "none",
        description="Of the linear layers of train, predict, ask, answer and demo, by bitsandbytes: int8, a byte a "
        "weight, or nf4, half a byte; precision is that of computing, and of all other weights. Needs the extra "
        "quantization.",
    )
    arithmetic: Literal["portable", "native"] = Field(
        "portable",
        description="portable: the same bytes on every x86-64 processor with AVX2, for about half as much time "
        "again; native: the processor's fastest instructions. On a GPU or ARM it changes nothing.",
    )
    threads: Count = Field(
        1,
        description="CPU threads; the bytes of a model trained on a CPU depend on it. A tiny model gains little from "
        "a second thread, and loses much when another process needs the core.",
    )
    compile: bool = Field(
        False,
        description="Compile the vision tower with torch.compile: needs a C++ compiler, and time before the first "
        "step; on a CPU arithmetic must be native.",
    )
    loader_processes: Amount = Field(0, description="Processes that read and prepare images; 0: a thread.")
    executor: Literal["local", "ray"] = Field(
        "local",
        description="What runs the parts of tables: local, processes of this machine, or ray, a cluster, whose address "
        "is in the environment variable RAY_ADDRESS. It changes no result. Needs the extra cluster.",
    )
