"""How far defences of the 17-level digits fall: attacks that know them, with more patience than a notebook has.

The test digits are attacked by PGD that does not know the defence, then by PGD through `bpda` from several starts, then
by random search from the last of these. A digit counts as right if it survives all so far, and if it is right without
any attack. What is printed is an upper bound: a better attack can only lower it.

Then the detector: `evade` looks for images that fool the classifier and have a p-value above 0.05, alone, and behind
the purifier as well. And the adaptive PixelDefend, which purifies what the detector reports: it meets images that evade
and those that were made against the purifier.

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
from armodels_lite.data import Data, Split
from armodels_lite.relaxation import relaxed_log_prob
from armodels_lite.shades import to_levels

LEVELS, STARTS, STEPS = 17, 3, 20
EPS_DEFEND = 3 / 16
FALSE_ALARMS = 0.05  # of the detector

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

    print(machine())
    print(
        f"{len(digits.test)} test digits, purified within {EPS_DEFEND * 16:.0f}/16, {queries} queries; still right:"
    )
    cases = [("none", plain, torch.clone, k) for k in (1, 2, 3)]
    cases += [("PixelDefend", plain, purify, k) for k in (1, 2, 3)]
    cases += [("black and white", ar.load_pretrained("digits_classifier"), black_white, 2)]
    cases += [("adversarial training", robust, torch.clone, 2), ("both", robust, purify, 2)]
    print(f"{'defence':24s}{'eps':>5s}{'blind':>8s}{'+ BPDA':>8s}{'+ search':>10s}{'minutes':>9s}")
    for name, classifier, defence, k in cases:
        start = time.perf_counter()
        shares = survivors(classifier, defence, digits.test, k / 16, queries)
        minutes = (time.perf_counter() - start) / 60
        print(
            f"{name:24s}{k:>2d}/16" + "{:8.3f}{:8.3f}{:10.3f}".format(*shares) + f"{minutes:9.1f}",
            flush=True,
        )
    print(
        f"{'eps':8s}{'passes, wrong':>15s}{'also purified':>15s}{'adaptive: right':>17s}{'+ BPDA':>8s}"
    )
    for k in (1, 2, 3):
        shares = watched(plain, density, purify, digits, k / 16)
        print(f"{k}/16    " + "{:15.3f}{:15.3f}{:17.3f}{:8.3f}".format(*shares), flush=True)


def watched(
    classifier: ar.Classifier,
    density: ar.PixelCNNpp,
    purify: Defence,
    digits: Data,
    eps: float,
) -> list[float]:
    """Shares of digits that pass the detector and are read wrong, plainly and after purification; then those that
    adaptive PixelDefend gets right, against evading images and against images made for the purifier too."""
    x, y = digits.test.x, digits.test.y
    clean = to_levels(digits.valid.x, LEVELS)
    with torch.no_grad():
        reference = density.log_prob(clean)
    rank = int(FALSE_ALARMS * (len(clean) + 1))
    limit = -reference.sort().values[rank - 1].item()

    def score(images: Tensor) -> Tensor:
        return -relaxed_log_prob(density, images)

    def passes(images: Tensor) -> Tensor:
        return ar.p_value(density, images, reference) > FALSE_ALARMS

    def adaptive_right(images: Tensor) -> Tensor:
        kept = passes(images).view(-1, 1, 1, 1)
        return classifier.predict(torch.where(kept, images, purify(images))) == y

    generator = torch.Generator().manual_seed(0)
    guarded = ar.attacks.bpda(classifier, purify)
    options = {"eps": eps, "levels": LEVELS, "score": score, "limit": limit, "reserve": 2.0}
    hidden = ar.attacks.evade(classifier, x, y, steps=60, **options)
    both = ar.attacks.evade(guarded, x, y, steps=60, **options)
    through = ar.attacks.pgd(
        guarded,
        x,
        y,
        eps=eps,
        steps=STEPS,
        step_size=eps / 4,
        levels=LEVELS,
        generator=generator,
    )
    standing = adaptive_right(x) & adaptive_right(hidden)
    results = [
        passes(hidden) & (classifier.predict(hidden) != y),
        passes(both) & (classifier.predict(purify(both)) != y),
        standing,
        standing & adaptive_right(through),
    ]
    return [result.float().mean().item() for result in results]


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
