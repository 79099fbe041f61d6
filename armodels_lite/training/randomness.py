"""Randomness that belongs to the training alone: it follows from a seed and disturbs nobody else's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

__all__ = ["own_randomness", "seed_for"]


def seed_for(seed: int, epoch: int, purpose: str) -> int:
    """A seed of 63 bits of its own for each epoch and purpose.

    Because nothing is carried from one epoch to the next, a resumed run needs no stored random state.
    """
    digest = hashlib.sha256(f"{seed}/{epoch}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@contextmanager
def own_randomness(device: torch.device, seed: int) -> Iterator[None]:
    """Inside, torch's generators of the CPU and of `device` start from `seed`; afterwards they are as before."""
    cpu = torch.get_rng_state()
    other = None if device.type == "cpu" else getattr(torch, device.type)
    which = (device,) if device.type in ("cuda", "xpu") else ()
    with other.device(device) if which else nullcontext():
        kept = None if other is None else other.get_rng_state(*which)
        try:
            torch.default_generator.manual_seed(
                seed
            )  # torch.manual_seed would seed every device there is
            if other is not None:
                other.manual_seed(seed)
            yield
        finally:
            torch.set_rng_state(cpu)
            if other is not None:
                other.set_rng_state(kept, *which)
