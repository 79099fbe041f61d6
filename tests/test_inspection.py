"""Looking into models whose dependencies and sums are known beforehand."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

import armodels_lite as ar
from armodels_lite import inspection
from armodels_lite.scoreboard import measure


class Chain(ar.AutoregressiveModel):
    """x_t depends on x_(t-reach) alone, through a weight that may be tiny."""

    def __init__(self, event_shape, reach: int = 1, weight: float = 1.0, **options) -> None:
        super().__init__(event_shape, **options)
        self.reach, self.scale = reach, nn.Parameter(torch.tensor(weight))

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        values = x.flatten(1)[:, self.ordering].to(self.dtype)
        before = torch.zeros_like(values)
        before[:, self.reach :] = values[:, : self.num_variables - self.reach]
        params = (before * self.scale)[:, self.rank].view(len(x), *self.event_shape, 1)
        return params.expand(*params.shape[:-1], self.conditional.num_params)


@pytest.mark.parametrize("ordering", ["raster", "spiral", "random(2)"])
@pytest.mark.parametrize("reach", [1, 2, 5])
def test_dependencies_are_in_drawing_order(ordering: str, reach: int) -> None:
    found = ar.dependencies(Chain((1, 2, 3), reach, ordering=ordering))
    assert found.dtype == torch.bool and found.device.type == "cpu"
    assert torch.equal(found, torch.diag(torch.ones(6 - reach, dtype=torch.bool), -reach))


def test_a_leak_is_seen() -> None:
    """reach = 0: every variable depends on itself."""
    assert torch.equal(ar.dependencies(Chain((4,), reach=0)), torch.eye(4, dtype=torch.bool))


def test_tiny_dependencies_are_seen() -> None:
    assert ar.dependencies(Chain((3,), weight=1e-30)).sum() == 2


def test_every_level_is_tried() -> None:
    """Only level 5 of 7 matters: two levels, or the ends alone, would not show it."""

    class OnlyFive(Chain):
        def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
            return super().params((x == 5).long(), context)

    assert ar.dependencies(OnlyFive((3,), conditional=ar.Categorical(7))).sum() == 2


def test_only_levels_that_exist_are_tried() -> None:
    """Of mixed cardinalities every level is tried, and none beyond, in examples and in changes."""
    seen: list[Tensor] = []

    class Watched(Chain):
        def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
            seen.append(x)
            return super().params(x, context)

    mixed = (2, 12, 5, 3)
    model = Watched((4,), conditional=ar.Categorical(mixed), ordering=[2, 0, 3, 1])
    assert torch.equal(ar.dependencies(model), torch.diag(torch.ones(3, dtype=torch.bool), -1))
    every = torch.cat(seen)
    assert (every < torch.tensor(mixed)).all()
    for k, column in zip(mixed, every.T, strict=True):
        assert len(column.unique()) >= min(k, 8)
    assert every.amax(0).tolist() == [k - 1 for k in mixed]


def test_a_level_of_the_smaller_variable_that_matters() -> None:
    """Only level 2 of x_1 matters, and x_1 has three levels where others have five."""

    class OnlyTwo(Chain):
        def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
            return super().params((x == 2).long(), context)

    model = OnlyTwo((2,), conditional=ar.Categorical((3, 5)))
    assert ar.dependencies(model).tolist() == [[False, False], [True, False]]
    model = OnlyTwo((2,), conditional=ar.Categorical((2, 5)))
    assert not ar.dependencies(model).any(), "x_1 has no level 2"


def test_dependencies_between_channels() -> None:
    """Raster: R, G, B of a pixel, then the next pixel: a chain of reach 1 goes through them."""
    field = ar.receptive_field(Chain((3, 1, 2)), position=1 * 2 + 0)  # green of the first pixel
    assert field.nonzero().tolist() == [[0, 0, 0]]  # its red
    field = ar.receptive_field(Chain((3, 1, 2)), position=0 * 2 + 1)  # red of the second pixel
    assert field.nonzero().tolist() == [[2, 0, 0]]  # the blue of the first


def test_receptive_field_of_an_image_model() -> None:
    model = ar.FVSBN((1, 2, 3), ordering="reverse")
    with torch.no_grad():
        model.linear.weight.fill_(0.3)
    assert ar.receptive_field(model, 2).int().tolist() == [[[0, 0, 0], [1, 1, 1]]]
    assert ar.receptive_field(model, 5).sum() == 0


@pytest.mark.parametrize(
    "conditional", [ar.GaussianMixture(1), ar.LogisticMixture(1, levels=50)], ids=repr
)
def test_dependencies_of_many_valued_variables(conditional: ar.Conditional) -> None:
    assert ar.dependencies(Chain((3,), conditional=conditional)).sum() == 2


def test_the_model_is_left_as_it_was() -> None:
    model = ar.NADE((4,), hidden=3, num_classes=2).train()
    before = copy.deepcopy(model.state_dict())
    found = ar.dependencies(model)
    assert torch.equal(found, torch.ones(4, 4).tril(-1).bool())
    assert model.training and model.dtype == torch.float32 and model.W.grad is None
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_dependencies_check_their_arguments() -> None:
    model = ar.FVSBN((4,))
    with pytest.raises(ValueError, match=r"shape \(B, 4\), got \(2, 5\)"):
        ar.dependencies(model, torch.zeros(2, 5))
    with pytest.raises(TypeError, match="float32 for this model, got torch.int64"):
        ar.dependencies(model, torch.zeros(2, 4).long())
    with pytest.raises(ValueError, match="not conditional"):
        ar.dependencies(model, torch.zeros(2, 4), torch.zeros(2).long())
    with pytest.raises(ValueError, match="example"):
        ar.dependencies(model, torch.zeros(0, 4))  # without examples nothing differs, leaks neither


def test_dependencies_need_whole_events() -> None:
    with pytest.raises(ValueError, match=r"whole events of shape \(5,\), got a prefix \(3,\)"):
        ar.dependencies(ar.LinearAR((5,)), torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"got a prefix \(3,\)"):
        ar.receptive_field(ar.LinearAR((5,)), 4, torch.zeros(2, 3))


@pytest.mark.parametrize(
    "model", [ar.Classifier((4,), 2), nn.Linear(4, 2)], ids=["ours", "torch's"]
)
def test_models_of_another_kind_are_refused(model: nn.Module) -> None:
    name = type(model).__name__
    with pytest.raises(TypeError, match=f"dependencies are .* autoregressive model, got {name}"):
        ar.dependencies(model)
    with pytest.raises(TypeError, match=f"receptive field is .* model, got {name}"):
        ar.receptive_field(model, 1)
    with pytest.raises(TypeError, match=f"that of a density p\\(x\\), got {name}"):
        ar.total_probability(model)
    with pytest.raises(TypeError, match=f"compares autoregressive models, got {name}"):
        measure("other", model, torch.zeros(2, 4))


@pytest.mark.parametrize("position", [-1, 4, 100, 1.0, True])
def test_positions_outside(position: int) -> None:
    with pytest.raises(ValueError, match=rf"position must be an int in 0..3, got {position}"):
        ar.receptive_field(ar.FVSBN((4,)), position)


# -- sums and integrals ---------------------------------------------------------------------------------------------


class Unnormalised(ar.FVSBN):
    conditionals = (*ar.FVSBN.conditionals, ar.PiecewiseConstant)

    def _log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return super()._log_prob(x, context) + math.log(1.25)


def test_what_is_not_normalised_does_not_sum_to_one() -> None:
    for conditional in (
        ar.Bernoulli(),
        ar.Categorical(3),
        ar.GaussianMixture(2),
        ar.PiecewiseConstant(3),
    ):
        assert ar.total_probability(
            Unnormalised((2,), conditional=conditional).double()
        ) == pytest.approx(1.25)


def test_mixed_cardinalities_are_summed_over_the_events_there_are() -> None:
    """Fair dice with the sum counted event by event: 3 x 2 x 4 of them, each with probability 1 / 24."""
    count = 0

    class Counted(ar.BayesNet):
        def _log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
            nonlocal count
            count += len(x)
            return super()._log_prob(x, context)

    conditional = ar.Categorical((3, 2, 4))
    net = Counted((3,), parents=[[2], [0], []], conditional=conditional).double()
    assert ar.total_probability(net) == pytest.approx(1, abs=1e-12)
    assert count == 3 * 2 * 4


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("log_sigmas", [(0.0, 0.0), (-7.0, 5.0)])
def test_quadrature_of_mixtures(size: int, log_sigmas: tuple[float, float]) -> None:
    """Components of very different width, far apart, the second variable depending on the first."""
    model = ar.FVSBN((size,), conditional=ar.GaussianMixture(2)).double()
    with torch.no_grad():
        model.linear.bias.copy_(torch.tensor([0.2, -0.4, -30.0, 40.0, *log_sigmas] * size))
        if size == 2:
            model.linear.weight.normal_(std=0.02)
    assert ar.total_probability(model) == pytest.approx(1, abs=1e-9)


def test_every_class_is_summed_on_its_own() -> None:
    model = ar.NADE((5,), hidden=4, num_classes=2).double()
    with torch.no_grad():
        model.class_b.weight.normal_()
    for label in (0, 1):
        assert ar.total_probability(model, torch.tensor([label])) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (ar.FVSBN((21,)), r"2\^21 events are too many"),
        (ar.FVSBN((13,), conditional=ar.Categorical(3)), r"3\^13 events are too many"),
        (
            ar.BayesNet(
                (16,), parents=[[]] * 16, conditional=ar.Categorical((2,) * 12 + (5,) * 3 + (3,))
            ),
            r"5\^3 x 3\^1 x 2\^12 events are too many",
        ),
        (
            ar.FVSBN((3,), conditional=ar.GaussianMixture(1)),
            "one or two continuous variables, this model has 3",
        ),
    ],
)
def test_too_many_to_sum(model: ar.AutoregressiveModel, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ar.total_probability(model)


def test_the_limit_itself_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """2^20 events in earnest; a smaller limit here, so that the test takes no seconds."""
    assert inspection.MAX_EVENTS == 2**20
    monkeypatch.setattr(inspection, "MAX_EVENTS", 2**10)
    assert ar.total_probability(ar.FVSBN((10,)).double()) == pytest.approx(1, abs=1e-12)
    with pytest.raises(ValueError, match="too many"):
        ar.total_probability(ar.FVSBN((11,)))
