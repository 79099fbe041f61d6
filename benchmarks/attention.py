"""The Transformer against what bare PyTorch needs for the same, measured in the same run.

    python benchmarks/attention.py [PART ...]      # train, decode, memory, kernel; all parts unless named

Prints tables of medians and ratios. No data is needed: random characters out of 65. Memory is read from /proc: Linux.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import torch
from timing import machine, medians, peak_memory
from torch import Tensor, nn
from torch.nn import functional as F

import armodels_lite as ar
from armodels_lite.attention import attend, attention_steps
from armodels_lite.masks import attention_mask

SYMBOLS, WIDTH, LAYERS, HEADS, LENGTH, BATCH = 65, 128, 4, 4, 256, 16
LENGTHS = (32, 64, 128, 255)  # how many characters come before the one whose step is measured
SIZES = (256, 1024, 2048)  # for attention alone


# -- training --------------------------------------------------------------------------------------------------------


class Plain(nn.Module):
    """The same network from the parts of torch.nn: what anyone would write for characters."""

    def __init__(self) -> None:
        super().__init__()
        self.symbols = nn.Embedding(SYMBOLS + 1, WIDTH)  # the last one is the start
        self.places = nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.ModuleList(PlainBlock() for _ in range(LAYERS))
        self.norm, self.readout = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, SYMBOLS)

    def loss(self, x: Tensor) -> Tensor:
        h = self.symbols(F.pad(x[:, :-1], (1, 0), value=SYMBOLS)) + self.places.weight
        for block in self.blocks:
            h = block(h)
        logits = self.readout(self.norm(h))
        return F.cross_entropy(logits.flatten(0, 1), x.flatten(), reduction="sum") / len(x)


class PlainBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query_key_value, self.merge = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.widen, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, h: Tensor) -> Tensor:
        parts = self.query_key_value(self.norm_1(h)).split(WIDTH, 2)
        q, k, v = (part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in parts)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = h + self.merge(seen.transpose(1, 2).flatten(2))
        return h + self.narrow(F.gelu(self.widen(self.norm_2(h))))


def transformer() -> ar.Transformer:
    torch.manual_seed(0)
    return ar.Transformer(
        (LENGTH,), width=WIDTH, layers=LAYERS, heads=HEADS, conditional=ar.Categorical(SYMBOLS)
    )


def characters(n: int) -> Tensor:
    return torch.randint(SYMBOLS, (n, LENGTH), generator=torch.Generator().manual_seed(0))


def training_step(model: nn.Module) -> Callable[[], object]:
    x, optimiser = characters(BATCH), torch.optim.Adam(model.parameters(), fused=True)
    loss = model.loss if isinstance(model, Plain) else model._loss

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        loss(x).backward()
        optimiser.step()

    return step


def train() -> None:
    steps = {"torch.nn": training_step(Plain()), "Transformer": training_step(transformer())}
    title = f"Training step, {BATCH} x {LENGTH} characters, {LAYERS} layers of width {WIDTH}, ms"
    report(title, medians(steps, 15), "torch.nn")


# -- drawing ---------------------------------------------------------------------------------------------------------


def bare_products(model: ar.Transformer, n: int) -> Callable[[], object]:
    """The matrix products and the attention of every step, on the same input: no norm, no draw, nothing kept."""
    layers = [
        [part.weight.detach().T.contiguous() for part in parts]
        for parts in (
            (block.attention.query_key_value, block.attention.merge, block.widen, block.narrow)
            for block in model.blocks
        )
    ]
    readout = model.readout.weight.detach().T.contiguous()
    h, wide = torch.randn(n, WIDTH), torch.randn(n, 4 * WIDTH)
    q = torch.randn(n * HEADS, 1, WIDTH // HEADS)
    keys, values = torch.randn(2, LAYERS, n * HEADS, LENGTH, WIDTH // HEADS)

    @torch.inference_mode()
    def run() -> None:
        for last in range(1, LENGTH + 1):
            for (query_key_value, merge, widen, narrow), k, v in zip(
                layers, keys[:, :, :last], values[:, :, :last], strict=True
            ):
                torch.mm(h, query_key_value)
                torch.bmm(torch.bmm(q, k.transpose(1, 2)).softmax(-1), v)
                torch.mm(h, merge)
                torch.mm(h, widen)
                torch.mm(wide, narrow)
            torch.mm(h, readout)

    return run


def cached_step(model: ar.Transformer, n: int, length: int) -> Callable[[], object]:
    """Take the last of `length` characters and find what it predicts. The same step again writes the same numbers."""
    x, decoder = characters(n), model.decoder(n)
    decoder.prefill(x, length)

    @torch.inference_mode()
    def run() -> None:
        decoder.t = length - 1
        decoder.step(x[:, length - 1])

    return run


def whole_pass(model: ar.Transformer, n: int, length: int) -> Callable[[], object]:
    """What the first `length` characters predict, by a pass over all of them."""
    x = characters(n)[:, : length + 1]
    return torch.inference_mode()(lambda: model.params(x))


def naive_step(model: ar.Transformer, n: int) -> Callable[[], object]:
    """What `cache=False` does for each character, at the start as at the end: a pass over all places, and a draw."""
    decoder, u = model.decoder(n, cache=False), torch.rand(n)
    return torch.inference_mode()(lambda: model.conditional.draw(decoder._params(), u))


def decode() -> None:
    model = transformer().eval()
    for n, rounds in ((1, 15), (BATCH, 7)):
        runs = {
            "products and attention": bare_products(model, n),
            "cached": partial(model.sample, n),
        }
        times = {name: value / LENGTH for name, value in medians(runs, rounds).items()}
        report(f"Sampling {n}, a character, ms", times, "products and attention")
        times = {"cached": times["cached"], **medians({"cache=False": naive_step(model, n)}, 5)}
        report(f"Sampling {n}, a character, ms", times, "cached")
        steps = {f"cached, after {t}": cached_step(model, n, t) for t in LENGTHS}
        title = f"A step of {n}, by how many characters came before, ms"
        report(title, medians(steps, 51), f"cached, after {LENGTHS[0]}")
        steps = {f"recomputed, after {t}": whole_pass(model, n, t) for t in LENGTHS}
        report(title, medians(steps, 5), f"recomputed, after {LENGTHS[0]}")


# -- memory ----------------------------------------------------------------------------------------------------------


def memory() -> None:
    model = transformer().eval()
    print("\nThe cache, MB")
    for n in (1, BATCH):
        formula = 2 * LAYERS * n * LENGTH * WIDTH * 4
        kept = model.decoder(n)._cache
        print(f"  {n:>2} texts: formula {formula / 1e6:.3f}, allocated {kept.nbytes / 1e6:.3f}")
    print(f"\nPeak memory of the attention of one layer, one sequence, {HEADS} heads, MB")
    for size in SIZES:
        fused = peak_memory(partial(attention, size, written_out=False))
        written = peak_memory(partial(attention, size, written_out=True))
        matrix = HEADS * size**2 * 4 / 2**20
        print(
            f"  T = {size:>4}: fused {fused:6.1f}   written out {written:6.1f}"
            f"   (a matrix of scores is {matrix:.1f})"
        )


# -- the kernel ------------------------------------------------------------------------------------------------------


def attention(size: int, *, written_out: bool) -> Callable[[], object]:
    """Causal attention over `size` steps, one sequence, as `attention_steps` or as `attend` does it."""
    q, k, v = torch.randn(3, 1, HEADS, size, WIDTH // HEADS)
    mask = attention_mask(size) if written_out else None

    @torch.inference_mode()
    def run() -> Tensor:
        return attention_steps(q, k, v, mask).output if written_out else attend(q, k, v, None)

    return run


def kernel() -> None:
    for size in SIZES:
        runs = {
            "fused": attention(size, written_out=False),
            "written out": attention(size, written_out=True),
        }
        report(f"Attention of one layer, T = {size}, ms", medians(runs, 7), "fused")


def report(title: str, times: dict[str, float], yardstick: str, per: int = 1) -> None:
    print(f"\n{title}")
    for name, value in times.items():
        print(f"  {name:<28} {value / per:10.3f}   {value / times[yardstick]:8.2f} x", flush=True)


PARTS = {"train": train, "decode": decode, "memory": memory, "kernel": kernel}


def main() -> None:
    print(machine())
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()


if __name__ == "__main__":
    main()
