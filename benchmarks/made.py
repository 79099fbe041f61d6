"""MADE on the binary digits, several trainings of each: width, depth, direct links, several orderings, labels.

    python benchmarks/made.py [PART ...]      # all parts unless named; about twenty minutes on one core

For every model, learning rate and weight decay are those that are best on the validation images with the first seed;
where several orderings are learnt, best for the ensemble of them.
Writes the nats per test image where `armodels_lite.stored_results("digits_made")` finds them; notebook 09 reads them.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from sklearn.cluster import KMeans
from torch import Tensor

import armodels_lite as ar
from armodels_lite.data.results import FOLDER

RESULTS = Path(str(FOLDER)) / "digits_made.json"
EVENT, SEEDS = (1, 8, 8), 3
ONE = {"epochs": 60, "schedule": "cosine"}  # settings of `fit`
SEVERAL = {"epochs": 150, "schedule": "cosine"}  # each ordering comes up rarely, so longer
RATES = (0.003, 0.01)
DECAYS = {"one": (0.1, 0.3, 1.0), "several": (0.0, 0.1, 0.3)}

Build = Callable[[], ar.AutoregressiveModel]


def made(hidden: tuple[int, ...] = (500,), **arguments: object) -> Build:
    return lambda: ar.MADE(EVENT, hidden=hidden, direct=True, **arguments)


MODELS: dict[str, Build] = {
    "500 units, no direct links": lambda: ar.MADE(EVENT, hidden=(500,)),
    "128 units": made((128,)),
    "500 units": made(),
    "2000 units": made((2000,)),
    "two layers of 128": made((128, 128)),
    "two layers of 500": made((500, 500)),
    "three layers of 500": made((500, 500, 500)),
    "8 orderings": made(masks=8),
    "32 orderings": made(masks=32),
    "every ordering": made(order_agnostic=True),
    "NADE": lambda: ar.NADE(EVENT, hidden=128),
    "with the class": made(num_classes=10),
    "with ten clusters": made(num_classes=10),
    "NADE with the class": lambda: ar.NADE(EVENT, hidden=128, num_classes=10),
}


def with_clusters(data: ar.data.Data) -> dict[str, tuple[Tensor, Tensor]]:
    """The images of each part with the number of their k-means cluster in place of the label."""
    found = KMeans(10, n_init=10, random_state=0).fit(data.train.x.flatten(1))
    return {
        part: (x, torch.from_numpy(found.predict(x.flatten(1))).long())
        for part, x in {"train": data.train.x, "valid": data.valid.x, "test": data.test.x}.items()
    }


def trained(build: Build, train: object, valid: object, seed: int, settings: dict) -> tuple:
    """The model after training, and its best loss on the validation images."""
    torch.manual_seed(seed)
    model = build()
    history = ar.fit(model, train, valid, seed=seed, progress=False, **settings)
    return model, min(history.valid_loss)


def chosen(name: str, build: Build, train: object, valid: object) -> tuple[dict, object]:
    """The settings that are best on the validation images with the first seed, and the model trained so."""
    several = "ordering" in name
    rates = (0.01, 0.03) if "NADE" in name else RATES
    best = (math.inf, {}, None)
    for rate, decay in itertools.product(rates, DECAYS["several" if several else "one"]):
        more = {"learning_rate": rate, "weight_decay": decay}
        model, loss = trained(build, train, valid, 0, {**(SEVERAL if several else ONE), **more})
        if several:
            loss = _mixture(by_ordering(model, valid.x))
        best = min(best, (loss, more, model), key=lambda found: found[0])
    return best[1], best[2]


def scores(model: ar.AutoregressiveModel, x: Tensor, y: Tensor, weights: Tensor) -> dict:
    """Nats per test image: of the model, and what its orderings or its classes (of these weights) add up to."""
    found = {"": -_log_prob(model, x, y if model.num_classes else None).mean().item()}
    if model.num_classes:
        given = [_log_prob(model, x, torch.full_like(y, k)) for k in range(model.num_classes)]
        found["mean over the classes"] = _mixture(torch.stack(given), weights)
        posterior = torch.stack(given) + weights.log().unsqueeze(1)
        found["wrong classes, %"] = 100 * (posterior.argmax(0) != y).double().mean().item()
    elif isinstance(model, ar.MADE) and (model.order_agnostic or len(model.orderings) > 1):
        log_probs = by_ordering(model, x)
        found["its orderings, one by one"] = -log_probs.mean().item()
        found["ensemble of its orderings"] = _mixture(log_probs)
    return found


def by_ordering(model: ar.MADE, x: Tensor) -> Tensor:
    """Log-probabilities (M, N) in each ordering that the model has learnt; in 32 random ones, if it learnt all."""
    orderings = model.orderings if len(model.orderings) > 1 else 32
    return torch.stack([_log_prob(m, x) for m in ar.OrderEnsemble(model, orderings).members])


def _log_prob(model: ar.AutoregressiveModel, x: Tensor, context: Tensor | None = None) -> Tensor:
    with torch.no_grad():
        return model.log_prob(x, context).double()


def _mixture(log_probs: Tensor, weights: Tensor | None = None) -> float:
    """Nats per image of a mixture of densities (M, N), all of the same weight unless given."""
    equal = torch.full((len(log_probs),), 1 / len(log_probs))
    weights = (equal if weights is None else weights).double()
    return -(log_probs + weights.log().unsqueeze(1)).logsumexp(0).mean().item()


def rows_of(name: str, data: ar.data.Data) -> dict[str, dict]:
    """All rows of one model, each trained with every seed."""
    train, valid, test = data.train, data.valid, (data.test.x, data.test.y)
    weights = torch.full((10,), 0.1)
    if "clusters" in name:
        parts = with_clusters(data)
        train, valid, test = parts["train"], parts["valid"], parts["test"]
        weights = torch.bincount(train[1], minlength=10) / len(train[1])
    more, first = chosen(name, MODELS[name], train, valid)
    settings = {**(SEVERAL if "ordering" in name else ONE), **more}
    models = [first]
    for seed in range(1, SEEDS):
        models.append(trained(MODELS[name], train, valid, seed, settings)[0])
    rows: dict[str, dict] = {}
    for model in models:
        for what, nats in scores(model, *test, weights).items():
            label = f"{name}, {what}" if what else name
            row = rows.setdefault(label, {"parameters": model.num_parameters(), **more, "nats": []})
            row["nats"].append(round(nats, 3))
    return rows


def separate_networks(data: ar.data.Data, more: dict, count: int = 8) -> dict[str, dict]:
    """The rivals of one network in several orderings: one network for each, and the mean of their densities."""
    rows = {}
    for name, orderings in {
        "8 networks in raster order": ["raster"] * count,
        "8 networks, an ordering each": ["raster", *(f"random({k})" for k in range(1, count))],
    }.items():
        models = [
            trained(made(ordering=order), data.train, data.valid, seed, {**ONE, **more})[0]
            for seed, order in enumerate(orderings)
        ]
        log_probs = torch.stack([_log_prob(model, data.test.x) for model in models])
        size = {"parameters": sum(model.num_parameters() for model in models)}
        nats = [round(nat, 3) for nat in (-log_probs.mean(1)).tolist()]
        rows[f"{name}, one by one"] = {**size, **more, "nats": nats}
        rows[f"{name}, ensemble"] = {**size, **more, "nats": [round(_mixture(log_probs), 3)]}
    return rows


def place(label: str) -> int:
    """Where a row stands: in the order of MODELS, the separate networks last."""
    own = [name for name in MODELS if label == name or label.startswith(f"{name}, ")]
    return list(MODELS).index(max(own, key=len)) if own else len(MODELS)


def main(names: list[str]) -> None:
    digits = ar.load("digits")
    for name in names:
        started = time.perf_counter()
        if name in MODELS:
            found = rows_of(name, digits)
        else:
            row = json.loads(RESULTS.read_text(encoding="utf-8"))["500 units"]
            more = {key: row[key] for key in ("learning_rate", "weight_decay")}
            found = separate_networks(digits, more)
        print(f"{name}: {found} ({time.perf_counter() - started:.0f} s)", flush=True)
        stored = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        rows = dict(sorted((stored | found).items(), key=lambda entry: place(entry[0])))
        RESULTS.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] or [*MODELS, "separate networks"])
