"""Where and how exactly a run computes."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch

from myosweep.errors import ConfigError
from myosweep.launch import launch
from myosweep.training.together import ALONE, Together

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["float32", "bfloat16"]


def resolve_device(name: str) -> Literal["cpu", "cuda", "mps"]:
    """The device to use; ``auto`` takes a GPU if there is one.

    Raises:
        ConfigError: if the wanted device is not there.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, usable in there.items() if usable)
    if name not in there:
        raise ConfigError(f"device is auto, cpu, cuda or mps, got {name!r}")
    if not there[name]:
        usable = ", ".join(device for device, here in there.items() if here)
        raise ConfigError(f"device {name!r} is not there; this machine has {usable}")
    return name  # type: ignore[return-value]


def resolve_precision(wanted: str, device: str) -> Precision:
    """``auto`` becomes bfloat16 where the device computes it natively, else float32."""
    if wanted == "auto":
        return "bfloat16" if _native_bfloat16(device) else "float32"
    return "bfloat16" if wanted == "bfloat16" else "float32"


def _native_bfloat16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device == "cpu":
        able: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


@dataclass(frozen=True)
class Computer:
    """A resolved device, precision and number of processor threads; who computes with it."""

    device: Literal["cpu", "cuda", "mps"]
    precision: Precision
    threads: int
    together: Together = ALONE

    @contextmanager
    def active(self) -> Iterator[None]:
        """Use this many threads, and give the old number back afterwards."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def autocast(self) -> torch.autocast:
        """bfloat16 where the precision says so."""
        return torch.autocast(
            self.device, dtype=torch.bfloat16, enabled=self.precision == "bfloat16"
        )

    @property
    def machine(self) -> str:
        """The type of machine, as far as results depend on it; no host name."""
        if self.device == "cuda":
            return torch.cuda.get_device_name()
        kind = torch.backends.cpu.get_cpu_capability()
        threads = f"{self.threads} thread" + ("s" if self.threads > 1 else "")
        return f"{platform.system()} {platform.machine()} {kind}, {threads}"


def processor_count() -> int:
    """Processors that this process may use; its share, if torchrun started several here."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, count // launch().processes_here)
