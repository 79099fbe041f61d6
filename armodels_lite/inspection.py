"""Looking into a model: what depends on what, do the probabilities sum to one, how far does a gradient reach?"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from .chain import AutoregressiveModel
from .conditionals import GaussianMixture, PiecewiseConstant
from .density import DensityModel

__all__ = ["dependencies", "receptive_field", "state_jacobian_norms", "total_probability"]

MAX_EVENTS = 2**20

State = Tensor | tuple[Tensor, ...]


@torch.no_grad()
def dependencies(
    model: AutoregressiveModel, x: Tensor | None = None, context: Tensor | None = None
) -> Tensor:
    """Which conditional depends on which variable, measured.

    Bool (T, T) on the CPU, rows and columns in drawing order: entry [j, i] is True iff changing x_i alone changes some
    parameter of conditional j, for some example. In an autoregressive model it is strictly lower triangular.
    A copy of the model in float64 does the work; x_i takes every level when there are at most 8, else eight fixed
    values. Both sides of a comparison sit in the same rows of equal batches, so equal means equal to the last bit.

    Args:
        x: examples (B, *event_shape); by default three fixed random ones.
        context: for conditional models, B entries; without x by default class 0, or ones.

    Raises:
        TypeError: a model that is no `AutoregressiveModel`.
        ValueError, TypeError: if x or context do not fit the model, or x holds prefixes of events.
    """
    check_kind(model, AutoregressiveModel, "dependencies are those of an autoregressive model")
    context_given = context is not None
    if x is None:
        x = _examples(model, 3)
        context = context if context_given else default_context(model, 3)
    model.check(x, context)
    if tuple(x.shape[1:]) != model.event_shape:
        raise ValueError(
            f"dependencies are measured on whole events of shape {model.event_shape}, "
            f"got a prefix {tuple(x.shape[1:])}"
        )
    if len(x) == 0:
        raise ValueError("dependencies are measured on examples: give at least one event")
    exact = copy.deepcopy(model).double().eval()
    x = x.to(exact.event_dtype)
    if context is not None and context.is_floating_point():
        context = context.double()
    values = _probe_values(exact)  # (T, V)
    copies = values.shape[1]
    tiled_context = None if context is None else context.repeat(copies, *[1] * (context.dim() - 1))
    tiled = x.repeat(copies, *[1] * (x.dim() - 1))
    reference = _params_in_order(exact, tiled, tiled_context)
    result = torch.zeros(exact.num_variables, exact.num_variables, dtype=torch.bool)
    for step, position in enumerate(exact.ordering.tolist()):
        changed = tiled.clone()
        changed.flatten(1)[:, position] = values[position].repeat_interleave(len(x))
        different = _params_in_order(exact, changed, tiled_context) != reference
        result[:, step] = different.any(-1).any(0).cpu()
    return result


def receptive_field(
    model: AutoregressiveModel,
    position: int,
    x: Tensor | None = None,
    context: Tensor | None = None,
) -> Tensor:
    """Bool (event_shape): which variables the conditional at a flat position depends on.

    Measured as in `dependencies`, which explains x, context and errors. Raises ValueError besides for a position that
    is no int inside the event.
    """
    check_kind(model, AutoregressiveModel, "a receptive field is that of an autoregressive model")
    if type(position) is not int or not 0 <= position < model.num_variables:
        raise ValueError(
            f"position must be an int in 0..{model.num_variables - 1}, got {position!r}"
        )
    row = dependencies(model, x, context)[model.rank[position].cpu()]
    field = torch.zeros(model.num_variables, dtype=torch.bool)
    field[model.ordering.cpu()] = row
    return field.view(model.event_shape)


@torch.no_grad()
def total_probability(model: DensityModel, context: Tensor | None = None) -> float:
    """The sum, or the integral, of p(x) over all events x: 1 for a normalised model.

    Discrete variables are enumerated, up to 2^20 events; one or two continuous ones are integrated by quadrature. Where
    the density is constant in bins, that is a sum over the cells, and exact; up to 2^20 cells.

    Args:
        context: one entry (1, ...) for conditional models; by default class 0, or ones.

    Raises:
        TypeError: a model that is no `DensityModel`.
        ValueError: too many events or cells; continuous variables without bins that are more than two, or of a model
            that is not autoregressive.
    """
    check_kind(model, DensityModel, "a total probability is that of a density p(x)")
    context = default_context(model, 1) if context is None else context
    model.check_context(context, 1)
    if isinstance(getattr(model, "conditional", None), PiecewiseConstant):
        return _integral_over_bins(model, context)
    if getattr(model, "levels", None) is None:
        return _integral(model, context)
    cardinalities = _cardinalities(model)
    if sum(map(math.log2, cardinalities)) > math.log2(MAX_EVENTS):
        powers = (f"{k}^{cardinalities.count(k)}" for k in sorted(set(cardinalities), reverse=True))
        raise ValueError(
            f"{' x '.join(powers)} events are too many to enumerate (at most 2^20): use a smaller event"
        )
    total = 0.0
    for x in _all_events(model, cardinalities):
        total += model.log_prob(x, _repeated(context, len(x))).double().exp().sum().item()
    return total


@torch.enable_grad()
def state_jacobian_norms(
    cell: nn.Module | Callable[[Tensor, State], State],
    inputs: Tensor,
    state: State | None = None,
    *,
    norm: str = "spectral",
) -> Tensor:
    """How much the last state of a recurrent network still feels of earlier ones: the size of d h_T / d s_(T-k).

    From the state s_1 and the inputs x_1, ..., x_(T-1) the cell makes s_(t+1) = cell(x_t, s_t). The state is h, for an
    LSTM (h, c), of several layers all of theirs; h_T is the last layer's. What is differentiated is h_T alone, because
    only h is read, and by the whole state, because c and the lower layers carry what is remembered.

    Float64 (T,) on the CPU: entry k is the norm of the Jacobian over k steps, so entry 0 is that of h_T by itself. Work
    is done in float64 on a copy of the cell; below about 1e-308 a norm is 0.

    Args:
        cell: an `nn.RNNCell`, `nn.GRUCell`, `nn.LSTMCell`, `nn.RNN`, `nn.GRU` or `nn.LSTM`, or a differentiable
            function of inputs (B, F) and states (B, H) that returns the next states.
        inputs: floats (T - 1, F).
        state: s_1 without a batch: (H,), or (layers, H) for `nn.RNN`, `nn.GRU` and `nn.LSTM`; of an LSTM a pair (h, c);
            zeros by default. A function needs one.
        norm: "spectral", the largest singular value, or "frobenius".

    Raises:
        TypeError: inputs are no tensor of floats.
        ValueError: another shape of inputs, another norm, no state for a function, a network with two directions or
            projections.
        OverflowError: a gradient explodes beyond what float64 holds.

    Source: R. Pascanu, T. Mikolov, Y. Bengio, On the difficulty of training recurrent neural networks, 2013.

    >>> half = lambda x, h: 0.5 * h
    >>> state_jacobian_norms(half, torch.zeros(3, 1), torch.zeros(2)).tolist()
    [1.0, 0.5, 0.25, 0.125]
    """
    orders = {"spectral": 2, "frobenius": "fro"}
    if norm not in orders:
        raise ValueError(f"norm must be one of {', '.join(orders)}, got {norm!r}")
    _check_inputs(inputs)
    step, first = _recurrent_step(cell, state, inputs.device)
    inputs = inputs.detach().double().unsqueeze(1)
    states = [first]
    with torch.no_grad():
        for x in inputs:
            states.append(step(x, states[-1]))
    count = first[0].shape[-1]
    rows = tuple(torch.zeros_like(p).repeat_interleave(count, -2) for p in first)
    top = rows[0] if rows[0].dim() == 2 else rows[0][-1]
    top.fill_diagonal_(1.0)
    norms = [_jacobian_norm(rows, orders[norm])]
    for x, before in zip(inputs.flip(0), states[-2::-1], strict=True):
        # A batch of equal states, one for each row of the Jacobian: one backward pass multiplies all rows at once.
        leaves = tuple(p.repeat_interleave(count, -2).requires_grad_() for p in before)
        after = step(x.expand(count, -1), leaves)
        rows = torch.autograd.grad(after, leaves, rows, materialize_grads=True)
        norms.append(_jacobian_norm(rows, orders[norm]))
    return torch.stack(norms).cpu()


def _check_inputs(inputs: Tensor) -> None:
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        kind = inputs.dtype if isinstance(inputs, Tensor) else type(inputs).__name__
        raise TypeError(f"inputs must be a tensor of floats, got {kind}")
    if inputs.dim() != 2:
        raise ValueError(f"inputs must have shape (T - 1, F), got {tuple(inputs.shape)}")


def _jacobian_norm(rows: tuple[Tensor, ...], order: int | str) -> Tensor:
    """The norm of a Jacobian whose columns come in parts (..., rows, columns), one for each layer and kind of state."""
    matrix = torch.cat([part.movedim(-2, 0).flatten(1) for part in rows], 1)
    if not matrix.isfinite().all():
        raise OverflowError("the gradient explodes beyond what float64 holds: give fewer inputs")
    return torch.linalg.matrix_norm(matrix, order)


def _recurrent_step(
    cell: nn.Module | Callable[[Tensor, State], State], state: State | None, device: torch.device
) -> tuple[Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, ...]], tuple[Tensor, ...]]:
    """A function (x, parts of the state) -> parts of the next state in float64, and the parts of the first state."""
    if isinstance(cell, nn.Module):
        cell = copy.deepcopy(cell).double().eval()
    layered = isinstance(cell, nn.RNNBase)
    if layered and (cell.bidirectional or cell.proj_size):
        raise ValueError("the network must have one direction and no projections")
    if layered:
        cell.train().dropout = 0.0  # cuDNN has gradients in training mode alone
    if state is None:
        if not isinstance(cell, nn.RNNBase | nn.RNNCellBase):
            raise ValueError("state must be given where the cell is none of torch.nn")
        shape = (cell.num_layers, cell.hidden_size) if layered else (cell.hidden_size,)
        pair = isinstance(cell, nn.LSTM | nn.LSTMCell)
        state = (torch.zeros(shape, device=device),) * (2 if pair else 1)
    parts = state if isinstance(state, tuple) else (state,)

    def step(x: Tensor, parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        given = parts if len(parts) > 1 else parts[0]
        if layered:
            _, after = cell(x.unsqueeze(1 if cell.batch_first else 0), given)
        else:
            after = cell(x, given)
        return after if isinstance(after, tuple) else (after,)

    return step, tuple(part.detach().double().unsqueeze(-2) for part in parts)


def _cardinalities(model: DensityModel) -> tuple[int, ...]:
    """The number of levels of each variable of a discrete model."""
    mixed = getattr(getattr(model, "conditional", None), "cardinalities", None)
    return mixed or (model.levels,) * model.num_variables


def _all_events(
    model: DensityModel, cardinalities: tuple[int, ...], chunk: int = 4096
) -> Iterator[Tensor]:
    every = itertools.product(*map(range, cardinalities))
    while rows := list(itertools.islice(every, chunk)):
        yield (
            torch.tensor(rows, device=model.device)
            .to(model.event_dtype)
            .view(-1, *model.event_shape)
        )


def _integral_over_bins(model: DensityModel, context: Tensor | None) -> float:
    """The density in the middle of every cell times the cell's volume, summed."""
    edges = torch.tensor(model.conditional.edges, dtype=torch.float64)
    size = model.num_variables
    if size * math.log2(len(edges) - 1) > math.log2(MAX_EVENTS):
        raise ValueError(
            f"{len(edges) - 1}^{size} cells are too many to sum (at most 2^20): use fewer bins"
        )
    middles = torch.cartesian_prod(*[(edges[1:] + edges[:-1]) / 2] * size).view(-1, size)
    volumes = torch.cartesian_prod(*[edges.diff()] * size).view(-1, size).prod(1)
    total = 0.0
    for x, volume in zip(middles.split(4096), volumes.split(4096), strict=True):
        x = x.to(model.device, model.event_dtype).view(-1, *model.event_shape)
        density = model.log_prob(x, _repeated(context, len(x))).double().exp()
        total += (density.cpu() * volume).sum().item()
    return total


def _integral(model: DensityModel, context: Tensor | None) -> float:
    """Integrate the density over the first variable, or over the first two, one inside the other."""
    if not isinstance(model, AutoregressiveModel):
        raise ValueError(
            f"quadrature follows the conditionals of an autoregressive model, got {type(model).__name__}"
        )
    if model.num_variables > 2:
        raise ValueError(
            f"quadrature handles one or two continuous variables, this model has {model.num_variables}"
        )
    zero = torch.zeros(1, *model.event_shape, dtype=model.event_dtype, device=model.device)
    first, weights = _nodes(model, zero, context, step=0)
    if model.num_variables == 1:
        density = model.log_prob(
            first.view(-1, *model.event_shape), _repeated(context, len(first))
        ).exp()
        return (density.double() * weights).sum().item()
    total = 0.0
    for value, weight in zip(first, weights, strict=True):
        x = zero.clone()
        x.flatten(1)[:, model.ordering[0]] = value
        second, inner_weights = _nodes(model, x, context, step=1)
        grid = x.repeat(len(second), *[1] * len(model.event_shape))
        grid.flatten(1)[:, model.ordering[1]] = second
        density = model.log_prob(grid, _repeated(context, len(grid))).exp()
        total += ((density.double() * inner_weights).sum() * weight).item()
    return total


def _nodes(
    model: AutoregressiveModel, x: Tensor, context: Tensor | None, step: int
) -> tuple[Tensor, Tensor]:
    """Nodes and weights that integrate the conditional of one step given x (1, ...) to about 1e-10."""
    params = model.params(x, context).flatten(0, -2)[model.ordering[step]].double().cpu()
    if isinstance(model.conditional, GaussianMixture):
        _, mean, log_sigma = params.chunk(3)
        # Intervals that follow each component's own scale, however different the scales are.
        offsets = torch.tensor([-11, -8, -5, -3, -1, 1, 3, 5, 8, 11], dtype=torch.float64)
        edges = mean + offsets.unsqueeze(1) * log_sigma.exp()
        nodes, weights = _gauss_legendre(edges.flatten().sort().values)
    else:
        raise ValueError(f"no quadrature for {model.conditional!r}")
    return nodes.to(model.device, model.event_dtype), weights.to(model.device)


def _gauss_legendre(edges: Tensor, order: int = 16) -> tuple[Tensor, Tensor]:
    """Nodes and weights of Gauss-Legendre quadrature on each interval between sorted edges, joined."""
    nodes, weights = (torch.from_numpy(array) for array in np.polynomial.legendre.leggauss(order))
    middle, half = (edges[1:] + edges[:-1]) / 2, edges.diff() / 2
    middle, half = middle.unsqueeze(1), half.unsqueeze(1)
    return (middle + half * nodes).flatten(), (half * weights).flatten()


def _params_in_order(model: AutoregressiveModel, x: Tensor, context: Tensor | None) -> Tensor:
    return model.params(x, context).flatten(1, -2)[:, model.ordering]


def _probe_values(model: AutoregressiveModel) -> Tensor:
    """The values that each variable is set to, (T, V): equally many for all, so some come twice."""
    if model.levels is None:
        fixed = torch.tensor([-3.0, -1.0, -0.3, 0.0, 0.2, 0.7, 1.5, 4.0])
        values = fixed.expand(model.num_variables, -1)
    else:
        count = min(model.levels, 8)
        rows = {k: _probe_levels(k, count) for k in set(_cardinalities(model))}
        values = torch.stack([rows[k] for k in _cardinalities(model)])
    return values.to(model.device, model.event_dtype)


def _probe_levels(levels: int, count: int) -> Tensor:
    """`count` of the levels, from the lowest to the highest; all of them, again and again, if they are fewer."""
    if levels <= count:
        return torch.arange(count) % levels
    return torch.linspace(0, levels - 1, count).round().long()


def _examples(model: AutoregressiveModel, n: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    if model.levels is None:
        x = torch.randn(n, *model.event_shape, generator=generator)
    else:
        x = torch.randint(model.levels, (n, *model.event_shape), generator=generator)
        x = x % torch.tensor(_cardinalities(model)).view(model.event_shape)
    return x.to(model.device, model.event_dtype)


def default_context(model: DensityModel, n: int) -> Tensor | None:
    """A context for n events where none is given: class 0, or ones; None for an unconditional model."""
    if model.num_classes is not None:
        return torch.zeros(n, dtype=torch.int64, device=model.device)
    if model.context_shape is not None:
        return torch.ones(n, *model.context_shape, dtype=model.dtype, device=model.device)
    return None


def check_kind(model: object, kind: type, wanted: str) -> None:
    """Raise TypeError, saying what was wanted, unless the model is one of that kind."""
    if not isinstance(model, kind):
        raise TypeError(f"{wanted}, got {type(model).__name__}")


def _repeated(context: Tensor | None, n: int) -> Tensor | None:
    return None if context is None else context.expand(n, *context.shape[1:])
