"""The convolutional models against plain PyTorch and against their own arithmetic, measured in the same run.

    python benchmarks/convolutions.py [PART ...]   # train, images, colour, sound, where, memory; all unless named

Prints tables of medians and ratios. No data is needed: random pixels and samples. Drawing an image by recomputing
takes minutes to hours, so that time is not waited for: a few of its passes are timed and multiplied by their number.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial

import torch
from timing import machine, medians
from torch import Tensor, nn
from torch.nn import functional as F

import armodels_lite as ar
from armodels_lite.layers import CausalConv2d
from armodels_lite.models.pixel_decoder import PixelDecoder
from armodels_lite.models.pixelcnnpp import Resolution
from armodels_lite.models.resolution_cache import BlockCache, ResolutionCache
from armodels_lite.models.row_cache import RowCache

SIDE, CHANNELS, LAYERS, LEVELS, BATCH = 28, 64, 8, 256, 16
LENGTH, LENGTHS = (
    4096,
    (64, 256, 1024, 2047, 4095),
)  # of sounds, and after how many samples a step is timed
GEMM = 1024  # side of the matrices whose product tells the machine's speed


# -- training --------------------------------------------------------------------------------------------------------


class PlainMask(nn.Conv2d):
    """A whole 7 x 7 kernel times a mask of zeros and ones: what anyone would write first."""

    def __init__(self, inputs: int, *, own: bool) -> None:
        super().__init__(inputs, CHANNELS, 7, padding=3)
        mask = (torch.arange(49) < 24 + own).float()
        self.register_buffer("mask", mask.view(1, 1, 7, 7))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=3)


class Plain(nn.Module):
    """The layers of `pixelcnn`, with `PlainMask` in place of kernels that are cut to what the mask leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.first = PlainMask(1, own=False)
        self.layers = nn.ModuleList(PlainMask(CHANNELS, own=True) for _ in range(LAYERS - 1))
        self.mix, self.out = nn.Conv2d(CHANNELS, CHANNELS, 1), nn.Conv2d(CHANNELS, LEVELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        known = self.first(x.float() * (2 / (LEVELS - 1)) - 1)
        for layer in self.layers:
            known = known + layer(known.relu())
        return self.out(self.mix(known.relu()).relu())

    def loss(self, x: Tensor) -> Tensor:
        return F.cross_entropy(self(x), x.squeeze(1), reduction="sum") / len(x)


def pixelcnn() -> ar.PixelCNN:
    return ar.PixelCNN(
        (1, SIDE, SIDE),
        channels=CHANNELS,
        layers=LAYERS,
        kernel_size=7,
        conditional=ar.Categorical(LEVELS),
    )


def gated_pixelcnn() -> ar.GatedPixelCNN:
    return ar.GatedPixelCNN(
        (1, SIDE, SIDE),
        channels=CHANNELS,
        layers=LAYERS,
        kernel_size=3,
        first_kernel_size=7,
        conditional=ar.Categorical(LEVELS),
    )


def pixelcnnpp(depth: int, side: int) -> ar.PixelCNNpp:
    return ar.PixelCNNpp((depth, side, side), channels=32, blocks=2, resolutions=2)


def training_step(model: nn.Module) -> Callable[[], object]:
    x, optimiser = pixels(BATCH), torch.optim.Adam(model.parameters(), fused=True)
    loss = model.loss if isinstance(model, Plain) else model._loss

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        loss(x).backward()
        optimiser.step()

    return step


def pixels(n: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(LEVELS, (n, 1, SIDE, SIDE), generator=generator)


def train() -> None:
    steps = {"whole kernels, masked": training_step(Plain()), "PixelCNN": training_step(pixelcnn())}
    title = f"Training step, {BATCH} images {SIDE} x {SIDE}, {LAYERS} layers 7 x 7, {CHANNELS} channels, ms"
    report(title, medians(steps, 7), "whole kernels, masked")


# -- drawing images --------------------------------------------------------------------------------------------------


def naive_step(model: ar.AutoregressiveModel, n: int) -> Callable[[], object]:
    """What `cache=False` does for each value, at the start as at the end: a pass over the whole event, and a draw."""
    decoder, u = model.decoder(n, cache=False), torch.rand(n)
    return torch.inference_mode()(lambda: model.conditional.draw(decoder._params(), u))


def drawing(name: str, model: ar.AutoregressiveModel, numbers: tuple[int, ...]) -> None:
    model.eval()
    for n in numbers:
        passes = {"cache=False": naive_step(model, n)}
        if isinstance(model, ar.PixelCNN):
            passes["cache=False, whole kernels"] = torch.inference_mode()(
                partial(Plain(), pixels(n))
            )
        # In one round: the cached image, and a pass of each of the others.
        times = medians({"cached": partial(model.sample, n), **passes}, 3)
        times |= {key: times[key] * model.num_variables for key in passes}
        report(
            f"{name}, drawing {n}, ms (without cache: {model.num_variables} passes)",
            times,
            "cached",
        )


def images() -> None:
    drawing("PixelCNN", pixelcnn(), (BATCH, 1))
    drawing("Gated PixelCNN", gated_pixelcnn(), (BATCH, 1))
    drawing(f"PixelCNN++ {SIDE} x {SIDE}, grey", pixelcnnpp(1, SIDE), (BATCH, 1))


def colour() -> None:
    drawing("PixelCNN++ 32 x 32, colour", pixelcnnpp(3, 32), (BATCH,))


# -- drawing sound ---------------------------------------------------------------------------------------------------


def wavenet(length: int) -> ar.WaveNet:
    return ar.WaveNet((length,), channels=32, layers=10, stacks=2).eval()


def bare_steps(model: ar.WaveNet, n: int, steps: int) -> Callable[[], object]:
    """The products and the element-wise operations of every step, on the same input: no draw, nothing kept."""
    decoder = model.decoder(n)
    past = torch.randn(len(model.layers), n, model.channels)
    (mix_bias, mix), (out_bias, out) = decoder._mix, decoder._out

    @torch.inference_mode()
    def run() -> None:
        for _ in range(steps):
            torch.baddbmm(decoder._bias, past, decoder._from_past, out=decoder._mixed)
            for known, mixed, signal, opening, gated, after, weight, residual in decoder._layers:
                mixed.addmm_(known, weight).tanh_()
                torch.addcmul(signal, signal, opening, out=gated)
                if after is not None:
                    torch.addmm(known, gated, residual, out=after)
            total = torch.addmm(decoder._skip_bias, decoder._gated, decoder._skip).relu_()
            total = torch.addmm(mix_bias, total, mix).relu_()
            torch.addmm(out_bias, total, out)

    return run


def cached_step(model: ar.WaveNet, n: int, length: int) -> Callable[[], object]:
    """Take the last of `length` samples and find what it predicts. The same step again writes the same numbers."""
    x, decoder = samples(n), model.decoder(n)
    decoder.prefill(x, length)

    @torch.inference_mode()
    def run() -> None:
        decoder.t = length - 1
        decoder.step(x[:, length - 1])

    return run


def window_pass(model: ar.WaveNet, n: int, length: int) -> Callable[[], object]:
    """What `length` samples predict, by a pass over those of them that the prediction can depend on."""
    x = samples(n)[:, : min(length, model.receptive_field)]
    return torch.inference_mode()(lambda: model.params(x))


def samples(n: int) -> Tensor:
    return torch.randint(LEVELS, (n, LENGTH), generator=torch.Generator().manual_seed(0))


def sound() -> None:
    steps, model, whole = 400, wavenet(400), wavenet(LENGTH)
    for n, rounds in ((1, 7), (8, 5)):
        runs = {
            "products and element-wise": bare_steps(model, n, steps),
            "cached": partial(model.sample, n),
        }
        times = {name: value / steps for name, value in medians(runs, rounds).items()}
        report(f"WaveNet, drawing {n}, a sample, ms", times, "products and element-wise")
        times = {"cached": times["cached"], **medians({"cache=False": naive_step(whole, n)}, 3)}
        report(f"The same; without cache a pass over {LENGTH} samples", times, "cached")
    runs = {f"cached, after {t}": cached_step(whole, 1, t) for t in LENGTHS}
    report("One step, by how many samples came before, ms", medians(runs, 101), "cached, after 64")
    runs = {f"recomputed, after {t}": window_pass(whole, 1, t) for t in LENGTHS}
    field = whole.receptive_field
    report(f"The same; at most {field} samples matter", medians(runs, 7), "recomputed, after 64")


# -- where the time goes ---------------------------------------------------------------------------------------------


def parts_of_an_image(model: ar.PixelCNN, n: int) -> dict[str, Callable[[], object]]:
    """What drawing n images consists of, each part alone and as often as for one image."""
    decoder, places = model.decoder(n), range(SIDE * SIDE)
    caches, conditional = decoder._caches, model.conditional
    known, params, u, x_t = (
        torch.randn(n, CHANNELS),
        decoder._params(),
        torch.rand(n),
        pixels(n)[:, 0, 0, 0],
    )

    def above() -> None:
        for _ in range(SIDE):
            for cache in caches:
                cache.begin_row()
                cache.look_up()

    def left() -> None:
        for place in places:
            total = caches[0].own(place % SIDE)
            for cache in caches[1:]:
                cache.add_own(place % SIDE, total)

    def between() -> None:
        for place in places:
            for cache in caches[1:]:
                torch.add(known, cache.starts[0], out=cache.cells[place % SIDE]).relu_()

    def head() -> None:
        for _ in places:
            decoder._head(known)

    def draw() -> None:
        for place in places:
            decoder._write(place % SIDE, 0, x_t)
            decoder.x[:, place] = conditional.draw(params, u)

    parts = {
        "products with the rows above": above,
        "products with the own row": left,
        "sums and ReLUs between": between,
        "head": head,
        "draw and entry of values": draw,
    }
    return {name: torch.inference_mode()(part) for name, part in parts.items()}


def operations(model: ar.PixelCNN, n: int) -> dict[str, float]:
    """Floating-point operations of the products of n images, a multiplication and an addition counted as two."""
    weights = [conv.weight for conv in (model.first, *model.layers)]
    above = sum(weight[:, :, :-1].numel() for weight in weights)
    own = sum(weight[:, :, -1, : weight.shape[3] // 2 + 1].numel() for weight in weights)
    head = model.head.mix.weight.numel() + model.head.out.weight.numel()
    counts = above, own, 0, head, 0
    return dict(
        zip(parts_of_an_image(model, n), (2.0 * n * SIDE**2 * c for c in counts), strict=True)
    )


def where() -> None:
    model = pixelcnn().eval()
    matrix = torch.randn(GEMM, GEMM)
    for n in (BATCH, 1):
        runs = parts_of_an_image(model, n)
        runs |= {"whole": partial(model.sample, n), "gemm": lambda: matrix @ matrix}
        times, counts = medians(runs, 5), operations(model, n)
        speed = 2 * GEMM**3 / times.pop("gemm") / 1e6  # GFLOP/s
        whole = times.pop("whole")
        times["calls in Python and the rest"] = whole - sum(times.values())
        print(
            f"\nWhere the time of {n} images goes, ms; a product of matrices {GEMM} x {GEMM}: {speed:.0f} GFLOP/s"
        )
        print(f"  {'':<30} {'time':>8} {'share':>7} {'GFLOP':>8} {'at that speed':>14}")
        for name, value in times.items():
            row(name, value, whole, counts.get(name, 0.0), speed)
        row("all", whole, whole, sum(counts.values()), speed)


def row(name: str, value: float, whole: float, count: float, speed: float) -> None:
    giga = count / 1e9
    print(f"  {name:<30} {value:8.1f} {value / whole:7.1%} {giga:8.2f} {1000 * giga / speed:14.1f}")


# -- memory ----------------------------------------------------------------------------------------------------------


def formula(conv: CausalConv2d, n: int, width: int) -> int:
    """Bytes: the rows that the kernel spans, with the zeros beside them, and an output for each pixel of a row."""
    features, inputs, rows, columns = conv.weight.shape
    return 4 * n * (rows * (width + columns - 1) * inputs + -(-width // conv.stride[0]) * features)


def layers_of(network: Resolution, width: int) -> Iterator[tuple[CausalConv2d, int]]:
    """The convolutions that look at other pixels, and the width of what each sees."""
    for block in [*network.down, *network.back]:
        for stream in (block.above, block.left):
            yield stream.first, width
            yield stream.second, width
    if network.lower is not None:
        yield network.halve_above, width
        yield network.halve_left, width
        yield from layers_of(network.lower, -(-width // 2))


def row_caches(state: object) -> Iterator[RowCache]:
    """All that are inside a decoder."""
    if isinstance(state, RowCache):
        yield state
    elif isinstance(state, (PixelDecoder, ResolutionCache, BlockCache)):
        yield from row_caches(list(vars(state).values()))
    elif isinstance(state, list):
        for part in state:
            yield from row_caches(part)


def memory() -> None:
    plain, gated, whole = pixelcnn(), gated_pixelcnn(), pixelcnnpp(1, SIDE)
    stacks = [conv for layer in gated.layers for conv in (layer.vertical, layer.horizontal)]
    network = [(whole.first_above, SIDE), (whole.first_left, SIDE), *layers_of(whole.network, SIDE)]
    models = {
        "PixelCNN": (plain, [(conv, SIDE) for conv in (plain.first, *plain.layers)]),
        "Gated PixelCNN": (gated, [(conv, SIDE) for conv in stacks]),
        "PixelCNN++, grey": (whole, network),
    }
    print("\nThe caches, MB")
    for n in (1, BATCH):
        for name, (model, convs) in models.items():
            caches = list(row_caches(model.eval().decoder(n)))
            expected = sum(formula(conv, n, width) for conv, width in convs)
            kept = sum(cache._rows.nbytes + cache.above.nbytes for cache in caches)
            line(name, n, expected, kept)
            work = sum({id(cache._room): cache._room.nbytes for cache in caches}.values())
            print(
                f"{'':>25} beside them, to lay the inputs of a row side by side: {work / 1e6:.3f}"
            )
        model = wavenet(LENGTH)
        expected = 4 * n * model.channels * sum(model.dilations) * (model.kernel_size - 1)
        line("WaveNet", n, expected, model.decoder(n)._queues.nbytes)


def line(name: str, n: int, expected: int, kept: int) -> None:
    print(f"  {name:<18} {n:>2}:  formula {expected / 1e6:.3f}, allocated {kept / 1e6:.3f}")


def report(title: str, times: dict[str, float], yardstick: str) -> None:
    print(f"\n{title}")
    for name, value in times.items():
        print(f"  {name:<28} {value:12.3f}   {value / times[yardstick]:8.2f} x", flush=True)


PARTS = {
    "train": train,
    "images": images,
    "colour": colour,
    "sound": sound,
    "where": where,
    "memory": memory,
}


def main() -> None:
    print(machine())
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()


if __name__ == "__main__":
    main()
