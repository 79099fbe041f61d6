"""The models that the contract suite runs over: one entry per combination of the support matrix worth its time.

A later model joins with entries here; every check of the contract then applies to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from conv_paths import (
    gated_pixelcnn_paths,
    pixelcnn_paths,
    pixelcnnpp_paths,
    wavenet_paths,
)
from convolutional_cases import CONVOLUTIONAL
from pixelrnn_paths import pixelrnn_paths
from torch import Tensor

import armodels_lite as ar
from armodels_lite.models.nade_passes import BLOCK

CONDITIONALS = {
    "bernoulli": ar.Bernoulli(),
    "categorical": ar.Categorical(3),
    "logistic": ar.LogisticMixture(2, levels=4),
    "gaussian": ar.GaussianMixture(2),
}
SIZES: dict[str, dict[str, Any]] = {
    "FVSBN": {},
    "NADE": {"hidden": 7},
    "MADE": {"hidden": (61, 59)},
}
BAYES_NETS: dict[str, dict[str, Any]] = {
    "weather": {"parents": [[], [0], [1], [0, 1]]},
    # Drawn in the order 4, 1, 2, 0, 3; variable 3 lists its parents out of order.
    "mixed": {
        "parents": [[2, 1], [4], [4], [4, 0], []],
        "conditional": ar.Categorical((3, 2, 4, 2, 3)),
    },
    "one-variable": {"parents": [[]]},
    "chain": {"parents": [[], [0], [1], [2]], "conditional": ar.Categorical(3)},
}
LINEAR_ARS: dict[str, dict[str, Any]] = {
    "one-variable": {"event_shape": (1,)},
    "pair": {"event_shape": (2,)},
    "shorter-than-its-order": {"event_shape": (2,), "order": 3},
    "series": {"event_shape": (7,), "order": 3},
}
# The sum of the groups is the number of variables; a last group of one, a first of several, and the other way round.
GROUPED_MADES: dict[str, dict[str, Any]] = {
    "bernoulli": {"event_shape": (5,), "groups": (2, 1, 2)},
    "categorical": {"event_shape": (5,), "groups": (1, 3, 1), "conditional": ar.Categorical(3)},
    "logistic": {
        "event_shape": (4,),
        "groups": (3, 1),
        "conditional": ar.LogisticMixture(2, levels=4),
    },
    "gaussian": {"event_shape": (2,), "groups": (1, 1), "conditional": ar.GaussianMixture(2)},
    "class": {
        "event_shape": (5,),
        "groups": (1, 2, 2),
        "num_classes": 3,
        "ordering": [3, 0, 4, 1, 2],
        "conditional": ar.Categorical(3),
    },
    "vector-direct": {"event_shape": (5,), "groups": (2, 3), "context_shape": (2,), "direct": True},
    "image-subscale": {"event_shape": (1, 2, 3), "groups": (2, 1, 2, 1), "ordering": "subscale(2)"},
    "rgb-logistic": {
        "event_shape": (3, 1, 2),
        "groups": (1, 3, 2),
        "conditional": ar.LogisticMixture(2, levels=3),
        "ordering": "random(1)",
    },
    "deep": {"event_shape": (7,), "groups": (2, 2, 1, 2), "hidden": (43, 41, 42), "seed": 7},
}
PIXEL_RNNS: dict[str, dict[str, Any]] = {
    "bernoulli": {"event_shape": (1, 3, 4)},
    "categorical-class": {
        "event_shape": (1, 2, 3),
        "conditional": ar.Categorical(3),
        "num_classes": 3,
    },
    "deep": {"event_shape": (1, 3, 2), "layers": 4},
    # Too wide for its convolutions: the Row LSTM has its blind spots, the Diagonal BiLSTM none.
    "wide": {"event_shape": (1, 2, 7), "kernel_size": 3, "layers": 1},
    "rgb": {"event_shape": (3, 2, 2), "channels": 8},
    "rgb-categorical-class": {
        "event_shape": (2, 1, 3),
        "conditional": ar.Categorical(3),
        "num_classes": 2,
    },
    # With two features a colour, one ReLU that never fires can hide a dependency that exists.
    "rgb-one-pixel": {"event_shape": (3, 1, 1), "channels": 12},
    "one-row": {"event_shape": (1, 1, 5), "kernel_size": 3},
    "one-column": {"event_shape": (1, 5, 1), "kernel_size": 3},
    "one-variable": {"event_shape": (1, 1, 1), "conditional": ar.Categorical(5)},
}
TRANSFORMERS: dict[str, dict[str, Any]] = {
    "layers": {"event_shape": (6,), "layers": 3, "dropout": 0.3},
    "one-head": {"event_shape": (5,), "heads": 1, "expand": 1},
    "sinusoidal": {"event_shape": (5,), "position": "sinusoidal", "conditional": ar.Categorical(3)},
    "rotary": {"event_shape": (5,), "position": "rotary", "conditional": ar.Categorical(3)},
    "image-learned-rotary": {"event_shape": (1, 2, 3), "position": "learned+rotary"},
    "no-position": {"event_shape": (5,), "position": "none", "conditional": ar.Categorical(3)},
    "local": {"event_shape": (7,), "pattern": "local", "span": 2},
    "local-itself": {"event_shape": (4,), "pattern": "local", "span": 1, "layers": 1},
    "strided": {"event_shape": (9,), "pattern": "strided", "span": 3, "layers": 1},
    "strided-image": {
        "event_shape": (1, 3, 2),
        "pattern": "strided",
        "span": 2,
        "ordering": "spiral",
    },
    "rotary-local-class": {
        "event_shape": (5,),
        "position": "rotary",
        "pattern": "local",
        "span": 3,
        "num_classes": 2,
        "conditional": ar.Categorical(3),
        "ordering": "random(4)",
    },
    "rgb": {"event_shape": (3, 1, 3), "ordering": "reverse"},
    "rgb-logistic": {
        "event_shape": (3, 1, 2),
        "conditional": ar.LogisticMixture(2, levels=3),
        "ordering": "random(1)",
    },
    "vectors": {"event_shape": (2, 3), "conditional": ar.Categorical(3)},
    "vectors-class": {"event_shape": (3, 2), "num_classes": 3, "ordering": "random(2)"},
    "one-variable": {"event_shape": (1,), "conditional": ar.Categorical(5)},
    "end": {"event_shape": (5,), "conditional": ar.Categorical(3), "end": 1},
    "end-class": {
        "event_shape": (4,),
        "conditional": ar.Categorical(3),
        "end": 0,
        "num_classes": 3,
        "position": "rotary",
    },
}
CONVOLUTIONAL_PATHS: dict[type[ar.AutoregressiveModel], Callable[..., Tensor]] = {
    ar.PixelCNN: pixelcnn_paths,
    ar.GatedPixelCNN: gated_pixelcnn_paths,
    ar.PixelCNNpp: pixelcnnpp_paths,
    ar.WaveNet: wavenet_paths,
}
ORDERINGS = ["reverse", "spiral", "hilbert", "random(3)", [2, 0, 5, 1, 4, 3]]


@dataclass(frozen=True)
class Case:
    """A model of the suite: how to build it. Odd sizes on purpose: a transposed axis must not go unnoticed."""

    name: str
    model: Callable[..., ar.AutoregressiveModel]
    arguments: dict[str, Any]

    def build(self, dtype: torch.dtype = torch.float64) -> ar.AutoregressiveModel:
        """The model with random weights and biases, none of them zero.

        Hidden biases are mostly positive: a ReLU that never fires would hide a dependency that exists.
        """
        torch.manual_seed(0)
        model = self.model(**self.arguments).to(dtype)
        with torch.no_grad():
            for parameter in model.parameters():
                fan = parameter[0].numel() if parameter.dim() == 4 else parameter.shape[-1]
                scale = 0.4 if parameter.dim() == 1 else fan**-0.5
                parameter.add_(scale * torch.randn_like(parameter))
            if isinstance(model, ar.MADE):
                for layer in list(model.layers)[:-1]:
                    layer.bias.add_(1.0)
            if isinstance(model, ar.PixelRNN | ar.WaveNet):
                model.mix.bias.add_(1.0)
            if isinstance(model, ar.PixelCNN | ar.GatedPixelCNN):
                model.head.mix.bias.add_(1.0)
                last = model.layers[-1].mix if isinstance(model, ar.GatedPixelCNN) else model.first
                last.bias.add_(1.0)
        return model.eval()

    @property
    def continuous(self) -> bool:
        kinds = (ar.GaussianMixture, ar.PiecewiseConstant)
        return isinstance(self.arguments.get("conditional"), kinds)


def reordered(
    kind: type[ar.AutoregressiveModel], by: str | list[int], **arguments: Any
) -> ar.AutoregressiveModel:
    """A model whose ordering is not the one that it was built with."""
    return kind(**arguments).with_ordering(by)


def ensemble(
    kind: type[ar.AutoregressiveModel], orderings: int | list[Any], **arguments: Any
) -> ar.OrderEnsemble:
    """One set of weights in several orderings."""
    return ar.OrderEnsemble(kind(**arguments), orderings, seed=1)


def promised_dependencies(model: ar.AutoregressiveModel) -> Tensor:
    """What the architecture promises, in drawing order, by an independent route."""
    size = model.num_variables
    if isinstance(model, ar.IndependentBernoulli):
        return torch.zeros(size, size, dtype=torch.bool)
    if isinstance(model, ar.BayesNet):
        order = model.ordering.tolist()
        return torch.tensor([[i in model.parents[j] for i in order] for j in order])
    if isinstance(model, ar.GroupedMADE) and model.direct is not None:
        return _every_group_before(model)
    if isinstance(model, ar.MADE) and model.direct is None:
        return _made_paths(model)
    if isinstance(model, ar.PixelRNN):
        return pixelrnn_paths(model)
    for kind, paths in CONVOLUTIONAL_PATHS.items():
        if isinstance(model, kind):
            return paths(model)
    if isinstance(model, ar.LinearAR):
        return torch.ones(size, size, dtype=torch.bool).tril(-1).triu(-model.order)
    if isinstance(model, ar.Transformer) and model.mask is not None:
        return _attention_paths(model)
    if isinstance(model, ar.RNN) and model.links is None:
        step = torch.arange(size) // model.width  # variables of one step do not see one another
        return step.unsqueeze(1) > step
    return torch.ones(size, size, dtype=torch.bool).tril(-1)


def _every_group_before(model: ar.GroupedMADE) -> Tensor:
    group = torch.arange(len(model.groups)).repeat_interleave(torch.tensor(model.groups))
    return group.unsqueeze(1) > group


def _attention_paths(model: ar.Transformer) -> Tensor:
    """Step t has read variable t - 1 and looks, once a layer, at the steps that its mask allows."""
    size, mask = model.num_variables, model.mask.tolist()
    reached = [{t} for t in range(size)]
    for _ in model.blocks:
        reached = [
            set().union(*(reached[s] for s in range(size) if mask[t][s])) | reached[t]
            for t in range(size)
        ]
    return torch.tensor([[i + 1 in reached[t] for i in range(size)] for t in range(size)])


def _made_paths(model: ar.MADE) -> Tensor:
    """Variable i reaches output j iff some chain of units with rising degrees leads from one to the other."""
    levels = [set(layer.tolist()) for layer in model.degrees[1:]]
    size = model.num_variables
    groups = model.groups if isinstance(model, ar.GroupedMADE) else [1] * size
    # Where the group of each step begins and ends: a variable is known when the last of its group is drawn.
    begins, ends = [], []
    for length in groups:
        begins += [len(begins)] * length
        ends += [len(begins)] * length
    promised = torch.zeros(size, size, dtype=torch.bool)
    for i in range(size):
        lowest = ends[i]  # the degree of variable i; each layer must offer a unit at least as high
        for degrees in levels:
            lowest = min((d for d in degrees if d >= lowest), default=size + 1)
        promised[:, i] = torch.tensor(begins) >= lowest
    return promised


def _cases() -> list[Case]:
    models = {"FVSBN": ar.FVSBN, "NADE": ar.NADE, "MADE": ar.MADE}
    cases = []

    def add(name: str, label: str, event_shape: tuple[int, ...], **arguments: Any) -> None:
        given = {"event_shape": event_shape, **SIZES[name], **arguments}
        cases.append(Case(f"{name}-{label}", models[name], given))

    for name in models:
        for label, conditional in CONDITIONALS.items():
            size = (2,) if label == "gaussian" else (5,)
            add(name, label, size, conditional=conditional)
            add(
                name,
                f"{label}-class",
                size,
                conditional=conditional,
                num_classes=3,
                ordering="reverse",
            )
        for ordering in ORDERINGS:
            add(name, f"image-{ordering}", (1, 2, 3), ordering=ordering)
        add(name, "rgb", (3, 1, 3), ordering="reverse")
        add(
            name,
            "rgb-logistic",
            (3, 1, 2),
            conditional=ar.LogisticMixture(2, levels=3),
            ordering="random(1)",
        )
        add(name, "one-variable", (1,), conditional=ar.Categorical(5))
    add("MADE", "deep", (1, 3, 3), hidden=(43, 41, 42, 40), seed=7, ordering="spiral")
    add("MADE", "direct", (6,), hidden=(4,), direct=True, conditional=ar.Categorical(3), seed=1)
    add("MADE", "no-hidden", (5,), hidden=())
    add("MADE", "narrow", (7,), hidden=(2,))
    add("MADE", "vector", (5,), context_shape=(3, 2))
    add("NADE", "longer-than-a-block", (BLOCK + 3,), hidden=5, ordering="random(2)")
    add("NADE", "exactly-a-block", (BLOCK,), hidden=5)
    cases += [
        Case(f"GroupedMADE-{label}", ar.GroupedMADE, {**SIZES["MADE"], **given})
        for label, given in GROUPED_MADES.items()
    ]
    cases += _every_ordering()
    cases += _recurrent()
    cases.append(
        Case(
            "IndependentBernoulli",
            ar.IndependentBernoulli,
            {"event_shape": (1, 2, 3), "ordering": "spiral"},
        )
    )
    cases += _transformers()
    cases += [
        Case(f"LinearAR-{label}", ar.LinearAR, {"conditional": ar.GaussianMixture(1), **given})
        for label, given in LINEAR_ARS.items()
    ]
    cases += [
        Case(f"PixelRNN-{kind}-{label}", ar.PixelRNN, {"kind": kind, "channels": 6, **given})
        for kind in ("row", "diagonal")
        for label, given in PIXEL_RNNS.items()
    ]
    cases += [Case(*parts) for parts in CONVOLUTIONAL]
    return cases + [
        Case(f"BayesNet-{label}", ar.BayesNet, {"event_shape": (len(given["parents"]),), **given})
        for label, given in BAYES_NETS.items()
    ]


def _every_ordering() -> list[Case]:
    """Models trained for several orderings or all, and models that were given another ordering than their first."""
    agnostic: dict[str, dict[str, Any]] = {
        "bernoulli": {"event_shape": (5,)},
        "categorical": {"event_shape": (5,), "conditional": ar.Categorical(3)},
        "logistic": {"event_shape": (3, 1, 2), "conditional": ar.LogisticMixture(2, levels=3)},
        "gaussian": {"event_shape": (2,), "conditional": ar.GaussianMixture(2)},
        "ordering": {"event_shape": (1, 2, 3), "ordering": "spiral"},
        "class": {"event_shape": (5,), "num_classes": 3, "ordering": [3, 0, 4, 1, 2]},
        "longer-than-a-block": {"event_shape": (BLOCK + 3,), "ordering": "random(2)"},
        "one-variable": {"event_shape": (1,), "conditional": ar.Categorical(5)},
    }
    cases = [
        Case(f"NADE-agnostic-{label}", ar.NADE, {"order_agnostic": True, "hidden": 7, **given})
        for label, given in agnostic.items()
    ]
    several: dict[str, dict[str, Any]] = {
        "agnostic-bernoulli": {"event_shape": (5,), "order_agnostic": True},
        "agnostic-categorical-direct": {
            "event_shape": (1, 1, 5),
            "conditional": ar.Categorical(3),
            "order_agnostic": True,
            "direct": True,
            "ordering": "reverse",
            "num_classes": 3,
        },
        "masks": {"event_shape": (1, 2, 3), "masks": 5, "ordering": "spiral", "seed": 4},
        "masks-vector": {"event_shape": (5,), "masks": 2, "context_shape": (3, 2)},
        "masks-gaussian": {
            "event_shape": (2,),
            "masks": 3,
            "conditional": ar.GaussianMixture(2),
            "direct": True,
        },
        "masks-logistic": {
            "event_shape": (3, 1, 2),
            "masks": 4,
            "conditional": ar.LogisticMixture(2, levels=3),
        },
        "masks-no-hidden": {"event_shape": (5,), "masks": 2, "hidden": (), "direct": True},
        "masks-one-variable": {"event_shape": (1,), "masks": 2, "conditional": ar.Categorical(5)},
    }
    cases += [
        Case(f"MADE-{label}", ar.MADE, {**SIZES["MADE"], **given})
        for label, given in several.items()
    ]
    given: dict[str, Any] = {"event_shape": (2, 1, 3), "by": "random(3)", "num_classes": 3}
    kinds: list[tuple[type[ar.AutoregressiveModel], dict[str, Any]]] = [
        (ar.FVSBN, {"ordering": "reverse", "conditional": ar.Categorical(3), **given}),
        (ar.NADE, {"hidden": 7, "order_agnostic": True, "ordering": "reverse", **given}),
        (ar.MADE, {"hidden": (61, 59), "direct": True, "seed": 2, "masks": 3, **given}),
    ]
    return cases + [
        Case(f"{kind.__name__}-reordered", partial(reordered, kind), arguments)
        for kind, arguments in kinds
    ]


def _recurrent() -> list[Case]:
    given: dict[str, dict[str, Any]] = {}
    for cell in ("rnn", "gru", "lstm"):
        for label, conditional in CONDITIONALS.items():
            size = (2,) if label == "gaussian" else (5,)
            given[f"{cell}-{label}"] = {
                "cell": cell,
                "event_shape": size,
                "conditional": conditional,
            }
        given |= {
            f"{cell}-layers": {"cell": cell, "event_shape": (6,), "layers": 3, "dropout": 0.3},
            f"{cell}-no-bias": {"cell": cell, "event_shape": (5,), "bias": False},
            f"{cell}-attention": {
                "cell": cell,
                "event_shape": (5,),
                "attention": True,
                "conditional": ar.Categorical(3),
            },
            f"{cell}-class": {
                "cell": cell,
                "event_shape": (5,),
                "num_classes": 3,
                "ordering": "reverse",
                "conditional": ar.Categorical(3),
            },
        }
    given |= {
        "position": {"event_shape": (6,), "position": True, "cell": "gru"},
        "position-class": {
            "event_shape": (4,),
            "position": True,
            "num_classes": 3,
            "conditional": ar.Categorical(3),
        },
        "one-variable": {"event_shape": (1,), "conditional": ar.Categorical(5)},
        "end": {"event_shape": (5,), "conditional": ar.Categorical(3), "end": 1},
        "end-class": {
            "event_shape": (4,),
            "conditional": ar.Categorical(3),
            "end": 0,
            "num_classes": 3,
            "attention": True,
            "position": True,
            "layers": 2,
        },
    }
    for label, conditional in CONDITIONALS.items():
        if label != "gaussian":
            given[f"vectors-{label}"] = {"event_shape": (3, 2), "conditional": conditional}
            given[f"vectors-{label}-links"] = {
                "event_shape": (2, 3),
                "conditional": conditional,
                "links": True,
            }
    given |= {
        "vectors-gaussian-links": {
            "event_shape": (2, 2),
            "conditional": ar.GaussianMixture(2),
            "links": True,
        },
        "vectors-everything": {
            "event_shape": (3, 2),
            "conditional": ar.Categorical(3),
            "cell": "gru",
            "layers": 2,
            "attention": True,
            "links": True,
            "position": True,
            "num_classes": 3,
            "ordering": "reverse",
        },
    }
    return [
        Case(f"RNN-{label}", ar.RNN, {"hidden": 7, **arguments})
        for label, arguments in given.items()
    ]


def _transformers() -> list[Case]:
    given = dict(TRANSFORMERS)
    for label, conditional in CONDITIONALS.items():
        size = (2,) if label == "gaussian" else (5,)
        given[label] = {"event_shape": size, "conditional": conditional}
        given[f"{label}-class"] = {**given[label], "num_classes": 3, "ordering": "reverse"}
    given |= {
        f"image-{ordering}": {"event_shape": (1, 2, 3), "ordering": ordering}
        for ordering in ORDERINGS
    }
    cases = [
        Case(
            f"Transformer-{label}",
            ar.Transformer,
            {"width": 8, "heads": 2, "layers": 2, **arguments},
        )
        for label, arguments in given.items()
    ]
    arguments = {"width": 8, "heads": 2, "layers": 2, "event_shape": (2, 1, 3), "by": "random(3)"}
    return [*cases, Case("Transformer-reordered", partial(reordered, ar.Transformer), arguments)]


CASES = _cases()

# Densities that are not autoregressive: what the contract asks of every model applies to them.
DENSITIES = [
    Case(
        "Histogram-one", ar.Histogram, {"event_shape": (1,), "conditional": ar.PiecewiseConstant(7)}
    ),
    Case(
        "Histogram-two",
        ar.Histogram,
        {"event_shape": (2,), "conditional": ar.PiecewiseConstant([-1.0, 0.0, 0.5, 3.0])},
    ),
    Case(
        "OrderEnsemble-NADE",
        partial(ensemble, ar.NADE),
        {"orderings": 5, "event_shape": (1, 2, 3), "hidden": 7, "order_agnostic": True},
    ),
    Case(
        "OrderEnsemble-FVSBN-class",
        partial(ensemble, ar.FVSBN),
        {
            "orderings": ["reverse", [2, 0, 1, 3]],
            "event_shape": (4,),
            "conditional": ar.Categorical(3),
            "num_classes": 3,
        },
    ),
    Case(
        "OrderEnsemble-MADE-vector",
        partial(ensemble, ar.MADE),
        {"orderings": 3, "event_shape": (2, 3), "hidden": (61, 59), "context_shape": (3, 2)},
    ),
    Case(
        "OrderEnsemble-MADE-agnostic",
        partial(ensemble, ar.MADE),
        {"orderings": 5, "event_shape": (1, 2, 3), "hidden": (61, 59), "order_agnostic": True},
    ),
]
