"""MADE on the binary digits, several trainings of each: width, depth, direct links, several orderings, labels.

    python benchmarks/made.py [SEEDS]        # 3 seeds unless given: about fifteen minutes on one core

For every model the learning rate is the one of three that is best on the validation images with the first seed. Writes
the nats per test image where `armodels_lite.stored_results("digits_made")` finds them; notebook 09 reads them.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

import armodels_lite as ar
from armodels_lite.data.results import FOLDER

RESULTS = Path(str(FOLDER)) / "digits_made.json"
EVENT = (1, 8, 8)
RATES = (0.003, 0.01, 0.03)
ONE = {
    "epochs": 60,
    "schedule": "cosine",
    "weight_decay": 0.1,
}  # settings of `fit` for one ordering
SEVERAL = {
    "epochs": 150,
    "schedule": "cosine",
}  # each ordering comes up rarely: longer, and no need to hold back


def made(hidden: tuple[int, ...] = (500,), **arguments: object) -> Callable[[], ar.MADE]:
    return lambda: ar.MADE(EVENT, hidden=hidden, direct=True, **arguments)


MODELS: dict[str, tuple[Callable[[], ar.MADE], dict]] = {
    "500 units, no direct links": (lambda: ar.MADE(EVENT, hidden=(500,)), ONE),
    "128 units": (made((128,)), ONE),
    "500 units": (made((500,)), ONE),
    "2000 units": (made((2000,)), ONE),
    "two layers of 128": (made((128, 128)), ONE),
    "two layers of 500": (made((500, 500)), ONE),
    "three layers of 500": (made((500, 500, 500)), ONE),
    "8 orderings": (made(masks=8), SEVERAL),
    "32 orderings": (made(masks=32), SEVERAL),
    "every ordering": (made(order_agnostic=True), SEVERAL),
    "with the class": (made(num_classes=10), ONE),
}


def trained(build: Callable[[], ar.MADE], data: ar.data.Data, seed: int, settings: dict) -> tuple:
    """The model after training, and its best loss on the validation images."""
    torch.manual_seed(seed)
    model = build()
    history = ar.fit(model, data.train, data.valid, seed=seed, progress=False, **settings)
    return model, min(history.valid_loss)


def scores(model: ar.MADE, test: ar.data.Split) -> dict[str, float]:
    """Nats per test image: of the model, and what its orderings or its classes add up to."""
    found = {"": ar.evaluate(model, test).nats}
    if model.num_classes:
        given = [torch.full((len(test),), k) for k in range(model.num_classes)]
        log_probs = torch.stack([_log_prob(model, test.x, y) for y in given])
        found["mean over the classes"] = _mixture(log_probs)
        found["wrong classes, %"] = 100 * (log_probs.argmax(0) != test.y).double().mean().item()
    elif model.order_agnostic or len(model.orderings) > 1:
        orderings = model.orderings if len(model.orderings) > 1 else 32
        members = ar.OrderEnsemble(model, orderings).members
        log_probs = torch.stack([_log_prob(member, test.x) for member in members])
        found["its orderings, one by one"] = -log_probs.mean().item()
        found["ensemble of its orderings"] = _mixture(log_probs)
    return found


def _log_prob(model: ar.MADE, x: Tensor, context: Tensor | None = None) -> Tensor:
    with torch.no_grad():
        return model.log_prob(x, context).double()


def _mixture(log_probs: Tensor) -> float:
    """Nats per image of the mean of the densities (M, N)."""
    return (math.log(len(log_probs)) - log_probs.logsumexp(0)).mean().item()


def separate_networks(data: ar.data.Data, count: int = 8) -> dict[str, dict]:
    """The rivals of one network in several orderings: one network for each, and the mean of their densities."""
    rows = {}
    for name, orderings in {
        "8 networks in raster order": ["raster"] * count,
        "8 networks, an ordering each": ["raster", *(f"random({k})" for k in range(1, count))],
    }.items():
        log_probs, parameters = [], 0
        for seed, ordering in enumerate(orderings):
            build = made(ordering=ordering)
            model, _ = trained(build, data, seed, {**ONE, "learning_rate": 0.01})
            log_probs.append(_log_prob(model, data.test.x))
            parameters += model.num_parameters()
        nats = [round(-log_prob.mean().item(), 3) for log_prob in log_probs]
        rows[f"{name}, one by one"] = {"parameters": parameters, "nats": nats}
        together = round(_mixture(torch.stack(log_probs)), 3)
        rows[f"{name}, ensemble"] = {"parameters": parameters, "nats": [together]}
        print(f"{name}: {nats}, together {together}", flush=True)
    return rows


def main(seeds: int) -> None:
    digits, rows = ar.load("digits"), {}
    for name, (build, settings) in MODELS.items():
        started = time.perf_counter()
        first = {r: trained(build, digits, 0, {**settings, "learning_rate": r}) for r in RATES}
        rate = min(RATES, key=lambda r: first[r][1])
        models = [first[rate][0]]
        for seed in range(1, seeds):
            models.append(trained(build, digits, seed, {**settings, "learning_rate": rate})[0])
        for model in models:
            for what, nats in scores(model, digits.test).items():
                label = f"{name}, {what}" if what else name
                row = rows.setdefault(label, {"parameters": model.num_parameters(), "nats": []})
                row["nats"].append(round(nats, 3))
        seconds = time.perf_counter() - started
        found = {label: row["nats"] for label, row in rows.items() if label.startswith(name)}
        print(f"{name}: learning rate {rate}, {found} ({seconds:.0f} s)", flush=True)
    rows |= separate_networks(digits)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
