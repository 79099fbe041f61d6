"""Held-out likelihoods on the binary digits over several seeds: how much of a difference is the model, how much luck.

    python benchmarks/seeds.py [SEEDS]        # 5 seeds unless given: about ten minutes on one core

Trains each model once for each seed (random weights and the order of the examples; the data split is fixed), and writes
the nats per test image where `armodels_lite.stored_results("digits_seeds")` finds them; notebook 07 reads them.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

import armodels_lite as ar
from armodels_lite.data.results import FOLDER

RESULTS = Path(str(FOLDER)) / "digits_seeds.json"
EVENT = (1, 8, 8)
ENSEMBLES = (1, 2, 4, 8, 16, 32)


class UntiedNADE(ar.AutoregressiveModel):
    """A hidden layer of its own for every conditional: h_t = sigmoid(A_t x_<t + c_t), nothing shared."""

    def __init__(self, event_shape: Sequence[int], *, hidden: int) -> None:
        super().__init__(event_shape)
        size = self.num_variables
        earlier = self.rank.unsqueeze(1) > self.rank  # [t, i]: does conditional t see variable i?
        self.register_buffer("earlier", earlier.float().unsqueeze(1), persistent=False)
        self.A = nn.Parameter((torch.rand(size, hidden, size) * 2 - 1) * math.sqrt(3 / size))
        self.c = nn.Parameter(torch.zeros(size, hidden))
        self.V = nn.Parameter((torch.rand(size, hidden) * 2 - 1) * math.sqrt(3 / hidden))
        self.b = nn.Parameter(torch.zeros(size))

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        flat = x.flatten(1)
        h = (torch.einsum("bi,thi->bth", flat, self.A * self.earlier) + self.c).sigmoid()
        logits = (h * self.V).sum(2) + self.b
        return logits.view(len(x), *self.event_shape, 1)

    def num_parameters(self) -> int:
        """Without the entries of A that are never used."""
        unused = self.A.numel() - int(self.earlier.sum()) * self.A.shape[1]
        return super().num_parameters() - unused


def models() -> dict[str, tuple[Callable[[], ar.AutoregressiveModel], dict]]:
    """Each model with the settings of its training, chosen on the validation images."""
    fixed = {"epochs": 30, "learning_rate": 0.03, "schedule": "cosine", "patience": 10}
    every = {"epochs": 150, "learning_rate": 0.03, "schedule": "cosine"}
    return {
        "FVSBN": (lambda: ar.FVSBN(EVENT), fixed),
        "NADE": (lambda: ar.NADE(EVENT, hidden=128), fixed),
        "untied NADE": (lambda: UntiedNADE(EVENT, hidden=128), fixed),
        "EoNADE": (lambda: ar.NADE(EVENT, hidden=128, order_agnostic=True), every),
    }


def nats_of_ensembles(model: ar.NADE, x: Tensor) -> dict[str, float]:
    """Nats per image of ensembles of more and more random orderings, the first ones in each."""
    members = ar.OrderEnsemble(model, max(ENSEMBLES)).members
    with torch.no_grad():
        log_probs = torch.stack([member.log_prob(x).double() for member in members])
    nats = {"mean of 32 orderings, one by one": -log_probs.mean().item()}
    for m in ENSEMBLES:
        mixture = log_probs[:m].logsumexp(0) - math.log(m)
        nats[f"ensemble of {m}"] = -mixture.mean().item()
    return nats


def main(seeds: int) -> None:
    digits, rows = ar.load("digits"), {}
    for name, (build, settings) in models().items():
        for seed in range(seeds):
            torch.manual_seed(seed)
            model, started = build(), time.perf_counter()
            ar.fit(model, digits.train, digits.valid, seed=seed, **settings)
            seconds = time.perf_counter() - started
            found = {"in its own ordering": ar.evaluate(model, digits.test).nats}
            if name == "EoNADE":
                found |= nats_of_ensembles(model, digits.test.x)
            for what, nats in found.items():
                label = name if what == "in its own ordering" else f"{name}, {what}"
                row = rows.setdefault(label, {"parameters": model.num_parameters(), "nats": []})
                row["nats"].append(round(nats, 3))
            print(f"{name}, seed {seed}: {found} ({seconds:.0f} s)", flush=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
