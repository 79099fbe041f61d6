"""The same weights with another ordering: shared, not copied, and a model of that ordering in every other respect."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from contract import contexts, events
from random_weights import randomised

import armodels_lite as ar

MODELS = {
    "FVSBN": lambda **options: ar.FVSBN((2, 3), **options),
    "NADE": lambda **options: ar.NADE((2, 3), hidden=5, **options),
    "MADE": lambda **options: ar.MADE((2, 3), hidden=(9, 8), direct=True, seed=3, **options),
    "MADE of several": lambda **options: ar.MADE((2, 3), hidden=(9, 8), masks=3, **options),
    "IndependentBernoulli": lambda **options: ar.IndependentBernoulli((2, 3), **options),
}
every_model = pytest.mark.parametrize("name", MODELS)
ORDER = [2, 0, 5, 1, 4, 3]


@every_model
def test_the_weights_are_the_same_objects(name: str) -> None:
    model = MODELS[name]()
    other = model.with_ordering(ORDER)
    assert type(other) is type(model)
    ours, theirs = dict(model.named_parameters()), dict(other.named_parameters())
    assert ours.keys() == theirs.keys() and all(ours[key] is theirs[key] for key in ours)
    assert other.ordering.tolist() == ORDER and model.ordering.tolist() == list(range(6))
    assert torch.equal(other.ordering[other.rank], torch.arange(6))


@every_model
def test_it_is_the_model_built_with_that_ordering(name: str) -> None:
    """Against a model built so from the start and given the same weights, and back again."""
    model = randomised(MODELS[name]())
    other, built = model.with_ordering(ORDER), MODELS[name](ordering=ORDER).eval()
    built.load_state_dict(model.state_dict())
    x = events(model)
    assert torch.equal(other.log_prob(x), built.log_prob(x))
    assert torch.equal(other.with_ordering("raster").log_prob(x), model.log_prob(x))
    assert other.config()["arguments"] == built.config()["arguments"]
    assert other.num_parameters() == built.num_parameters()
    if name != "IndependentBernoulli":
        assert not torch.equal(other.log_prob(x), model.log_prob(x))


@pytest.mark.parametrize("name", ["FVSBN", "NADE", "MADE", "MADE of several"])
def test_training_one_trains_the_other(name: str) -> None:
    model = randomised(MODELS[name]())
    other = model.with_ordering("reverse")
    x = events(model)
    before = model.log_prob(x).detach()
    ar.fit(other, x, epochs=1, batch_size=3, progress=False)
    assert not torch.equal(model.log_prob(x), before)
    assert all(p is q for p, q in zip(model.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("options", [{"num_classes": 3}, {"context_shape": (2,)}], ids=str)
def test_conditional_models(options: dict) -> None:
    model = randomised(ar.MADE((4,), hidden=(20,), **options))
    other = model.with_ordering("reverse")
    built = ar.MADE((4,), hidden=(20,), ordering="reverse", **options).eval()
    built.load_state_dict(model.state_dict())
    x, context = events(model), contexts(model)
    assert torch.equal(other.log_prob(x, context), built.log_prob(x, context))


@every_model
def test_no_random_number_is_used_up(name: str) -> None:
    model = MODELS[name]()
    before = torch.get_rng_state()
    model.with_ordering("random(3)")
    assert torch.equal(torch.get_rng_state(), before)


@every_model
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_dtype_and_mode_are_those_of_the_model(name: str, dtype: torch.dtype) -> None:
    model = MODELS[name]().to(dtype).eval()
    other = model.with_ordering("reverse")
    assert other.dtype == dtype and not any(part.training for part in other.modules())
    for one, two in zip(model.buffers(), other.buffers(), strict=True):
        assert one.dtype == two.dtype and one is not two
    assert model.train().with_ordering("reverse").training


def test_a_frozen_weight_stays_frozen() -> None:
    model = MODELS["NADE"]()
    model.W.requires_grad_(False)
    assert not model.with_ordering("reverse").W.requires_grad


@every_model
def test_a_copy_is_independent(name: str) -> None:
    model = randomised(MODELS[name]())
    other = model.with_ordering(ORDER)
    twin = copy.deepcopy(other)
    assert not any(p is q for p, q in zip(twin.parameters(), model.parameters(), strict=True))
    assert torch.equal(twin.log_prob(events(model)), other.log_prob(events(model)))


@pytest.mark.parametrize(
    "ordering",
    ["random(5)", ORDER, torch.tensor(ORDER), np.array(ORDER), range(5, -1, -1)],
    ids=lambda o: type(o).__name__,
)
def test_what_is_saved_has_the_new_ordering(ordering, tmp_path: Path) -> None:
    model = randomised(ar.NADE((6,), hidden=3, conditional=ar.Categorical(3), ordering="reverse"))
    other = model.with_ordering(ordering)
    other.save_pretrained(tmp_path)
    loaded = ar.load_pretrained(tmp_path)
    assert torch.equal(loaded.ordering, other.ordering)
    assert torch.equal(loaded.log_prob(events(model)), other.log_prob(events(model)))


# -- models of a reader's own ---------------------------------------------------------------------------------------


class Fixed(ar.FVSBN):
    """Takes no ordering."""

    def __init__(self, size: int) -> None:
        super().__init__((size,), ordering="reverse")


class Deaf(ar.FVSBN):
    """Takes an ordering and does not pass it on."""

    def __init__(self, size: int, ordering: str = "raster") -> None:
        super().__init__((size,))


class PassesOn(ar.FVSBN):
    """Passes on whatever it gets by name, and keeps something that JSON cannot hold, and what training measured."""

    def __init__(self, event_shape: tuple[int, ...], label: object = None, **options) -> None:
        super().__init__(event_shape, **options)
        self.label = label
        self.register_buffer("mean", torch.zeros(()))


def test_a_subclass_that_passes_it_on() -> None:
    label = object()
    model = PassesOn((4,), label=label, conditional=ar.Categorical(3))
    model.mean.fill_(0.25)
    other = model.with_ordering("reverse")
    assert other.label is label and other.conditional == ar.Categorical(3)
    assert other.mean.item() == 0.25 and other.mean is not model.mean
    assert other.ordering.tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (ar.LinearAR((3,)), 'LinearAR takes ordering "raster" only'),
        (ar.BayesNet((2,), parents=[[], [0]]), "BayesNet takes no ordering of one's own"),
        (Fixed(4), "Fixed takes no ordering of one's own"),
        (Deaf(4), "Deaf took the ordering 'random.4.', but does not draw in it"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_models_that_take_no_other_ordering(model: ar.AutoregressiveModel, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.with_ordering("random(4)")


@pytest.mark.parametrize("ordering", ["sideways", [0, 1], [0, 0, 1, 2, 3, 4], 7, [0.5] * 6, None])
def test_orderings_that_make_no_sense_are_refused_as_by_the_constructor(ordering) -> None:
    with pytest.raises(ValueError) as refused:
        ar.FVSBN((6,), ordering=ordering)
    with pytest.raises(ValueError) as found:
        ar.FVSBN((6,)).with_ordering(ordering)
    assert str(found.value) == str(refused.value)


def test_a_model_that_was_changed_after_it_was_built_is_refused() -> None:
    """Its weights would have no place in a new one."""
    model = ar.FVSBN((4,))
    model.extra = torch.nn.Linear(2, 2)
    with pytest.raises(
        ValueError, match=r"other weights than this one.*extra\.bias, extra\.weight"
    ):
        model.with_ordering("reverse")


class ByPlace(ar.FVSBN):
    """A constructor with a parameter that has no name for its caller."""

    def __init__(self, size: int, /, ordering: str = "raster") -> None:
        super().__init__((size,), ordering=ordering)


def test_a_model_built_by_arguments_without_a_name_says_so() -> None:
    with pytest.raises(TypeError, match="takes size by place: give every argument a name"):
        ByPlace(4).with_ordering("reverse")
