"""What a step of each widget costs the kernel: the time from a press of a button to the numbers for the browser.

    python benchmarks/widgets.py

Prints the median and the longest step in milliseconds. A learner feels what takes longer than about 30 ms.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from timing import machine

import armodels_lite as ar
from armodels_lite import widgets


def makers() -> dict[str, Callable[[], widgets.Stepper]]:
    """Every widget at a size that the notebooks use, and the sampler at larger ones."""
    values = torch.rand(400, generator=torch.Generator().manual_seed(0)) ** 2 * 4 - 1
    weather = ar.BayesNet((4,), parents=[[], [0], [0], [1, 2]])
    image = (torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    rgb, grey = ar.LogisticMixture(5, 256), ar.LogisticMixture(5, 17)
    symbols = "\n" + "".join(map(chr, range(32, 96)))
    log_probs = 200 * torch.randn(10_000) - 1000
    judged = [(log_probs - 100 * size, torch.rand(10_000) < 0.5) for size in range(9)]
    letters = ar.RNN((256,), hidden=512, cell="gru", conditional=ar.Categorical(65))
    return {
        "ARProcess": widgets.ARProcess,
        "AttackSizes, 10,000 images": lambda: widgets.AttackSizes(
            log_probs, judged[0], {"noise": judged[1:]}, tuple("12345678"), num_variables=784
        ),
        "AttentionViewer, 256 letters": lambda: widgets.AttentionViewer(
            ar.Transformer((256,), conditional=ar.Categorical(65)), torch.arange(256) % 65, symbols
        ),
        "AttentionViewer, 28x28": lambda: widgets.AttentionViewer(
            ar.Transformer((1, 28, 28)), torch.eye(28).unsqueeze(0), head="mean"
        ),
        "BernoulliLikelihood": widgets.BernoulliLikelihood,
        "DecisionBoundary": widgets.DecisionBoundary,
        "DilationTree, largest": lambda: widgets.DilationTree((1, 2, 4, 8) * 2, 3, 40),
        "GradientReach": widgets.GradientReach,
        "HistogramBins": lambda: widgets.HistogramBins(values, values, low=-1.0, high=3.0),
        "HoleFiller, 8x8": lambda: widgets.HoleFiller(
            ar.MADE((1, 8, 8), hidden=(500,)),
            image.unsqueeze(0),
            ar.MADE((1, 8, 8), hidden=(500,), order_agnostic=True),
        ),
        "HoleFiller, 28x28": lambda: widgets.HoleFiller(
            ar.PixelCNN((1, 28, 28)),
            torch.eye(28).view(1, 1, 28, 28),
            ar.NADE((1, 28, 28), order_agnostic=True),
        ),
        "MaskStepper, largest": lambda: widgets.MaskStepper(6, (8, 8), seed=0),
        "MaskStepper, PixelCNN 28x28": lambda: widgets.MaskStepper(
            ar.PixelCNN((1, 28, 28), layers=8, kernel_size=3, first_kernel_size=7)
        ),
        "MaskStepper, GatedPixelCNN 28x28": lambda: widgets.MaskStepper(
            ar.GatedPixelCNN((1, 28, 28), layers=8, kernel_size=3, first_kernel_size=7)
        ),
        "MaskStepper, PixelCNNpp RGB 28x28": lambda: widgets.MaskStepper(
            ar.PixelCNNpp((3, 28, 28), channels=16)
        ),
        "MixtureSteps": lambda: widgets.MixtureSteps(values, values),
        "NADEWalk": lambda: widgets.NADEWalk(ar.NADE((1, 8, 8), hidden=12), image),
        "NetworkWalk": lambda: widgets.NetworkWalk(weather),
        "NextSymbol, 50,000 words": lambda: widgets.NextSymbol(
            3 * torch.randn(50_000), [f"w{number}" for number in range(50_000)]
        ),
        "OrderingWalk": widgets.OrderingWalk,
        "PixelSampler, FVSBN 8x8": lambda: widgets.PixelSampler(ar.FVSBN((1, 8, 8))),
        "PixelSampler, NADE 28x28": lambda: widgets.PixelSampler(ar.NADE((1, 28, 28))),
        "PixelSampler, RGB 8x8": lambda: widgets.PixelSampler(ar.FVSBN((3, 8, 8), conditional=rgb)),
        "Purifier, 8x8": lambda: purifier(
            ar.PixelCNNpp((1, 8, 8), resolutions=1, conditional=grey)
        ),
        "Purifier, 28x28": lambda: purifier(
            ar.PixelCNN((1, 28, 28), channels=32, kernel_size=5, conditional=ar.Categorical(16))
        ),
        "SkewWalk, largest": lambda: widgets.SkewWalk((8, 8), "Diagonal BiLSTM"),
        "TextSampler, GRU of 512": lambda: widgets.TextSampler(letters, symbols, length=200),
        "TwoKLs": widgets.TwoKLs,
        "UnrolledRNN, largest": lambda: widgets.UnrolledRNN(
            *map(torch.randn, [(8, 8), (8, 8), (8, 8), (8,)]), "abcdefgh", "abcdefgh"
        ),
    }


def purifier(model: ar.AutoregressiveModel) -> widgets.Purifier:
    """Of a random image: nearly every pixel moves."""
    levels = torch.randint(model.levels, (1, *model.event_shape))
    shades = ar.shades.to_shades(levels, model.levels)
    classifier = ar.Classifier(model.event_shape, 10, channels=(8, 16, 32))
    return widgets.Purifier(model, shades, shades, classifier, eps=2 / (model.levels - 1))


def step_times(widget: widgets.Stepper) -> list[float]:
    """Milliseconds of each step from the first to the last."""
    times = []
    for step in range(1, widget.last + 1):
        start = time.perf_counter()
        widget.step = step
        times.append(1000 * (time.perf_counter() - start))
    return times


if __name__ == "__main__":
    print(machine())
    for name, make in makers().items():
        times = step_times(make())
        print(f"{name:26s} median {statistics.median(times):5.1f} ms, longest {max(times):5.1f} ms")
