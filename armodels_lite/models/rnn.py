"""Recurrent networks: one cell, used at every step, carries a summary of the past from each step to the next.

Sources: J. Elman, "Finding Structure in Time", 1990 (cell="rnn"); S. Hochreiter, J. Schmidhuber, "Long Short-Term
Memory", 1997, with the forget gate of F. Gers, J. Schmidhuber, F. Cummins, "Learning to Forget", 2000 (cell="lstm");
K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation", 2014
(cell="gru"); attention with the scores of M.-T. Luong, H. Pham, C. Manning, "Effective Approaches to Attention-based
Neural Machine Translation", 2015, turned on the network's own past states; links within a step as N.
Boulanger-Lewandowski, Y. Bengio, P. Vincent, "Modeling Temporal Dependencies in High-Dimensional Sequences", 2012, who
put a NADE or an RBM there. What differs is said in `RNN`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..arguments import flag, positive, share
from ..chain import AutoregressiveModel
from ..conditionals import Conditional
from ..decoder import Decoder
from ..layers import MaskedLinear
from .endings import after_end, checked_end, only_end
from .rnn_decoder import RNNDecoder

__all__ = ["RNN"]

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class RNN(AutoregressiveModel):
    """Recurrent network over sequences (T,), or over sequences of vectors (T, V).

        h_1 = learnt initial state                       (has seen nothing)
        parameters of x_t = b + W_hy h_t                 (h_t has seen x_<t)
        h_{t+1} = cell(h_t, x_t)                         (rnn: tanh(W_hh h_t + W_xh x_t + bias))

    The number of weights does not depend on T (unless `position` is on), so x may be a prefix (B, L) or (B, L, V).
    A one-hot symbol goes straight into the cell: W_xh times a one-hot vector is a column of W_xh, its embedding.

    Where lengths vary, `end` names the symbol that ends a sequence. After it that symbol has probability 1, so all
    events of T variables together still have probability 1: a sequence that is shorter is filled up with `end`.

    Args:
        hidden: units of the state, in each layer.
        layers: cells on top of each other; each reads the states of the one below.
        cell: "rnn" (tanh), "gru" or "lstm", as torch.nn has them.
        attention: each state also looks back at the states up to its own: a_ts = softmax over s <= t of
            h_s . W_q h_t / sqrt(hidden), and the output is computed from tanh(W_m [h_t, sum_s a_ts h_s]).
        event_shape: (T,) or (T, V). The V variables of one step are independent of one another given the steps before.
        links: adds, for (T, V), a linear term that lets each variable see those before it in its own step.
        position: the number of the step joins the input, one-hot. For data in which places differ, such as pixels.
        end: the level (of a Categorical, events (T,)) that ends a sequence.
        dropout: share of the values set to 0 in training, between layers and before the output.
        bias: False leaves out the cell's and the output's biases; initial states stay.
        conditional, num_classes: see `AutoregressiveModel`. A class has its own initial state and joins the input.
        ordering: "raster" (forwards) or "reverse" (the steps backwards; then no prefixes, and no `end`).

    Differs from the papers: initial states are learnt; Elman's units were logistic; forget gates start with a bias of
    1 more; there are two biases for each gate, as in torch.nn; the GRU's reset gate acts after the matrix product, as
    there.

    Raises:
        ValueError: for sizes, names or combinations other than these; the message says what is accepted.

    >>> from armodels_lite import Categorical
    >>> RNN((5,), hidden=3, cell="rnn", conditional=Categorical(4), bias=False).num_parameters()
    36
    >>> RNN((1000,), hidden=100, cell="rnn", conditional=Categorical(50), bias=False).num_parameters()
    20100
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        hidden: int = 128,
        layers: int = 1,
        cell: str = "lstm",
        attention: bool = False,
        conditional: Conditional | None = None,
        ordering: str | Sequence[int] | Tensor = "raster",
        num_classes: int | None = None,
        links: bool = False,
        position: bool = False,
        end: int | None = None,
        dropout: float = 0.0,
        bias: bool = True,
    ) -> None:
        super().__init__(
            event_shape, conditional=conditional, ordering=ordering, num_classes=num_classes
        )
        _check_sizes(hidden, layers, cell, dropout)
        switches = {"attention": attention, "links": links, "position": position, "bias": bias}
        for name, value in switches.items():
            flag(name, value)
        self.steps, self.width = _steps_and_width(self.event_shape)
        self.backwards = self._is_backwards()
        self.end = checked_end(self, end, forwards=not self.backwards)
        self.hidden, self.layers, self.kind = hidden, layers, cell
        features = self.width * self.conditional.num_features
        self.inputs = features + position * (self.steps - 1) + (num_classes or 0)
        self.position = position
        between = dropout if layers > 1 else 0.0
        self.cell = CELLS[cell](
            self.inputs, hidden, layers, bias=bias, batch_first=True, dropout=between
        )
        # One state a layer and class; the LSTM's cells have a start of their own.
        start = (num_classes or 1, layers, hidden)
        self.initial_h = nn.Parameter(torch.zeros(start))
        self.initial_c = nn.Parameter(torch.zeros(start)) if cell == "lstm" else None
        self.query = nn.Linear(hidden, hidden, bias=False) if attention else None
        self.merge = nn.Linear(2 * hidden, hidden, bias=bias) if attention else None
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(hidden, self.width * self.conditional.num_params, bias=bias)
        self.links = self._make_links() if links else None
        self._initialise()

    # -- likelihood ----------------------------------------------------------------------------------------------

    @property
    def takes_prefixes(self) -> bool:
        """A prefix is what is drawn first, so only where the order of the steps is that of the sequence."""
        return not self.backwards

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        x = x.flip(1) if self.backwards else x
        features = self.conditional.features(x, self.dtype).flatten(2)  # (B, L, V F)
        out = self.outputs(self.states(features, context))
        if self.links is not None:
            out = out + self.links(features)
        out = out.view(*x.shape, self.conditional.num_params)
        if self.end is not None:
            out = torch.where(after_end(x, self.end).unsqueeze(-1), only_end(self), out)
        return out.flip(1) if self.backwards else out

    def states(self, features: Tensor, context: Tensor | None = None) -> Tensor:
        """The top layer's states h_1 to h_L, (B, L, hidden), from the features (B, L, V F) of x_1 to x_L."""
        h, c = self.initial_state(len(features), context)
        first = h[-1].unsqueeze(1)[:, : features.shape[1]]
        if features.shape[1] < 2:
            return first
        states, _ = self.cell(
            self.cell_inputs(features[:, :-1], context), h if c is None else (h, c)
        )
        return torch.cat([first, states], 1)

    def cell_inputs(self, features: Tensor, context: Tensor | None) -> Tensor:
        """What the cell reads at steps 1 to L: (B, L, inputs); L is at most T - 1."""
        parts, (n, length) = [features], features.shape[:2]
        if self.position:
            place = torch.eye(length, self.steps - 1, dtype=self.dtype, device=self.device)
            parts.append(place.expand(n, -1, -1))
        if self.num_classes is not None:
            classes = F.one_hot(context, self.num_classes).to(self.dtype)
            parts.append(classes.unsqueeze(1).expand(-1, length, -1))
        return torch.cat(parts, 2) if len(parts) > 1 else features

    def initial_state(self, n: int, context: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """h_1, and c_1 for an LSTM: each (layers, n, hidden)."""
        own = torch.zeros(n, dtype=torch.int64, device=self.device) if context is None else context
        starts = (self.initial_h, self.initial_c)
        h, c = (None if s is None else s[own].transpose(0, 1).contiguous() for s in starts)
        return h, c

    def outputs(self, states: Tensor) -> Tensor:
        """Parameters (B, L, V P) from the states (B, L, hidden), all of them from the first on."""
        if self.query is not None and states.shape[1]:
            seen = F.scaled_dot_product_attention(
                self.query(states), states, states, is_causal=True
            )
            states = self.merge(torch.cat([states, seen], 2)).tanh()
        return self.readout(self.dropout(states))

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return RNNDecoder(self, n, context)

    # -- construction --------------------------------------------------------------------------------------------

    def _is_backwards(self) -> bool:
        forwards = torch.arange(self.num_variables).view(self.steps, self.width)
        if torch.equal(self.ordering, forwards.flatten()):
            return False
        if torch.equal(self.ordering, forwards.flip(0).flatten()):
            return True
        raise ValueError(
            "an RNN reads its steps in the ordering 'raster' or 'reverse', not in another one"
        )

    def _make_links(self) -> MaskedLinear:
        """From the features of a step to its own parameters, strictly from earlier to later variables."""
        if len(self.event_shape) == 1:
            raise ValueError(
                f"links are within a step, so they need events (T, V), got {self.event_shape}"
            )
        inputs, outputs = self.conditional.num_features, self.conditional.num_params
        earlier = torch.ones(self.width, self.width, dtype=torch.bool).tril(-1)
        mask = earlier.repeat_interleave(outputs, 0).repeat_interleave(inputs, 1)
        return MaskedLinear(mask, bias=False)

    @torch.no_grad()
    def _initialise(self) -> None:
        start = self.conditional.initial_params().repeat(self.width)
        self.readout.weight.mul_(0.5)
        if self.readout.bias is not None:
            self.readout.bias.copy_(start)
        if self.links is not None:
            self.links.weight.zero_()
        if self.kind == "lstm" and self.cell.bias:
            for layer in range(self.layers):  # gates in the order: input, forget, cell, output
                getattr(self.cell, f"bias_ih_l{layer}")[self.hidden : 2 * self.hidden] += 1


def _steps_and_width(event_shape: tuple[int, ...]) -> tuple[int, int]:
    if len(event_shape) > 2:
        raise ValueError(
            f"an RNN reads events (T,) or (T, V), got {event_shape}; "
            "flatten an image to (T,), and position=True tells it the place of each pixel"
        )
    return event_shape[0], event_shape[1] if len(event_shape) == 2 else 1


def _check_sizes(hidden: int, layers: int, cell: str, dropout: float) -> None:
    positive("hidden", hidden)
    positive("layers", layers)
    if not isinstance(cell, str) or cell not in CELLS:
        raise ValueError(f"cell must be one of {', '.join(map(repr, CELLS))}, got {cell!r}")
    share("dropout", dropout)
