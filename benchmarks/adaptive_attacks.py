"""How far defences of the 17-level digits fall: attacks that know them, with more patience than a notebook has.

The test digits are attacked by PGD that does not know the defence, then by PGD through `bpda` from several starts, then
by random search from the last of these. A digit counts as right if it survives all so far, and if it is right without
any attack. What is printed is an upper bound: a better attack can only lower it.

    python benchmarks/adaptive_attacks.py [QUERIES]   # of random search; 300 unless given
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from timing import machine
from torch import Tensor

import armodels_lite as ar
from armodels_lite.data import Split

LEVELS, STARTS, STEPS = 17, 3, 20
EPS_DEFEND = 3 / 16

Defence = Callable[[Tensor], Tensor]


def main() -> None:
    queries = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    digits = ar.load("digits", levels=LEVELS, shades=True)
    density = ar.load_pretrained("digits_grey_pixelcnnpp_softmax")
    plain = ar.load_pretrained("digits_grey_classifier")
    robust = adversarially_trained(digits.train, 2.5 / 16)

    def purify(x: Tensor) -> Tensor:
        return ar.purify(density, x, eps=EPS_DEFEND)

    def black_white(x: Tensor) -> Tensor:
        return (x >= 0.5).to(x.dtype)

    cases = [("none", plain, torch.clone, k) for k in (1, 2, 3)]
    cases += [("PixelDefend", plain, purify, k) for k in (1, 2, 3)]
    cases += [("black and white", ar.load_pretrained("digits_classifier"), black_white, 2)]
    cases += [("adversarial training", robust, torch.clone, 2), ("both", robust, purify, 2)]
    print(machine())
    print(
        f"{len(digits.test)} test digits, purified within {EPS_DEFEND * 16:.0f}/16, {queries} queries; still right:"
    )
    print(f"{'defence':24s}{'eps':>5s}{'blind':>8s}{'+ BPDA':>8s}{'+ search':>10s}{'minutes':>9s}")
    for name, classifier, defence, k in cases:
        start = time.perf_counter()
        shares = survivors(classifier, defence, digits.test, k / 16, queries)
        minutes = (time.perf_counter() - start) / 60
        print(
            f"{name:24s}{k:>2d}/16" + "{:8.3f}{:8.3f}{:10.3f}".format(*shares) + f"{minutes:9.1f}",
            flush=True,
        )


def survivors(
    classifier: ar.Classifier, defence: Defence, test: Split, eps: float, queries: int
) -> list[float]:
    """Shares of digits that are still right after each further attack."""
    x, y = test.x, test.y

    def held(images: Tensor) -> Tensor:
        return classifier.predict(defence(images)) == y

    guarded = ar.attacks.bpda(classifier, defence)
    options = {"eps": eps, "levels": LEVELS, "generator": torch.Generator().manual_seed(0)}
    attacked = ar.attacks.pgd(classifier, x, y, steps=STEPS, **options)
    standing = held(x) & held(attacked)
    shares = [standing.float().mean().item()]
    for _ in range(STARTS):
        attacked = ar.attacks.pgd(guarded, x, y, steps=STEPS, step_size=eps / 4, **options)
        standing &= held(attacked)
    shares.append(standing.float().mean().item())
    left = standing.nonzero().flatten()
    searched = ar.attacks.random_search(
        guarded, x[left], y[left], start=attacked[left], queries=queries, **options
    )
    standing[left] = classifier.predict(defence(searched)) == y[left]
    return [*shares, standing.float().mean().item()]


def adversarially_trained(train: Split, eps: float) -> ar.Classifier:
    """As in notebook 13: each batch is attacked by one step, then learnt from."""
    torch.manual_seed(0)
    model = ar.Classifier((1, 8, 8), 10, channels=(16, 32))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-2, total_steps=12 * 19)
    generator = torch.Generator().manual_seed(0)
    for _ in range(12):
        for batch in torch.randperm(len(train), generator=generator).split(64):
            x, y = train.x[batch], train.y[batch]
            worse = ar.attacks.pgd(model, x, y, eps=eps, steps=1, step_size=1.25 * eps)
            optimizer.zero_grad()
            model.loss(worse, y).backward()
            optimizer.step()
            schedule.step()
    return model.eval()


if __name__ == "__main__":
    main()
