"""Transformers: every step looks back at all steps before it by attention, and no state is carried along.

Sources: A. Vaswani et al., "Attention Is All You Need", 2017 (attention, heads, residual blocks); A. Radford et al.,
"Language Models are Unsupervised Multitask Learners", 2019 (GPT-2: the decoder alone, normalised before each branch);
M. Chen et al., "Generative Pretraining from Pixels", 2020 (the same for images); J. Su et al., "RoFormer", 2021 (rotary
positions); R. Child et al., "Generating Long Sequences with Sparse Transformers", 2019 (patterns). What differs is said
in `Transformer`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..arguments import positive, share
from ..attention import AttentionSteps
from ..base import eval_mode
from ..chain import AutoregressiveModel
from ..conditionals import Categorical, Conditional
from ..decoder import Decoder
from ..masks import attention_mask
from .endings import after_end, checked_end, only_end
from .transformer_block import Block
from .transformer_decoder import TransformerDecoder

__all__ = ["Transformer", "sinusoids"]

POSITIONS = ("learned", "sinusoidal", "rotary", "learned+rotary", "none")


class Transformer(AutoregressiveModel):
    """Decoder-only Transformer over the variables of an event, one step a variable, in any ordering.

        h_1 = start + position_1,   h_t = E x_{t-1} + position_t        (what step t starts from; it predicts x_t)
        h_t <- h_t + attention of norm(h_t) over norm(h_1) .. norm(h_t)     } in each layer
        h_t <- h_t + W_2 gelu(W_1 norm(h_t))                                }
        parameters of x_t = b + W norm(h_t)

    Step t reads x_{t-1} and the causal mask hides later steps, so that x_t is predicted from x_<t. With the ordering
    "raster" (of a sequence: forwards) x may be a prefix (B, L).

    Args:
        event_shape: any; each of its T entries is a step.
        width: numbers in h_t.
        layers: blocks on top of each other.
        heads: attention runs this many times side by side, each on width / heads numbers.
        expand: the hidden layer of a block's second branch is this many times as wide.
        position: how a step knows its place: "learned" (a vector for each place of the event), "sinusoidal" (fixed
            waves), "rotary" (queries and keys turned by an angle that grows with the step), "learned+rotary" or "none".
        pattern, span: which steps a step looks at: see `masks.attention_mask`. The default is all up to its own.
        end: the level (of a Categorical, events (T,)) that ends a sequence. After it that symbol has probability 1.
        dropout: share of the values set to 0 in training, at the start and at the end of each branch.
        conditional, ordering, num_classes: see `AutoregressiveModel`. A class adds a vector to every step.

    Differs from the papers: output and input embeddings are separate weights; no dropout on attention weights; a step
    of an image or of a sequence (T, V) is a single variable, where Image GPT clusters colours into one symbol a pixel.

    Raises:
        ValueError: for sizes, names or combinations other than these; the message says what is accepted.

    >>> model = Transformer((256,), width=128, layers=4, heads=4, conditional=Categorical(65))
    >>> model.num_parameters()
    842945
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        expand: int = 4,
        position: str = "learned",
        pattern: str = "full",
        span: int | None = None,
        conditional: Conditional | None = None,
        ordering: str | Sequence[int] | Tensor = "raster",
        num_classes: int | None = None,
        end: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(
            event_shape, conditional=conditional, ordering=ordering, num_classes=num_classes
        )
        _check_sizes(width, layers, heads, expand, dropout)
        if not isinstance(position, str) or position not in POSITIONS:
            known = ", ".join(map(repr, POSITIONS))
            raise ValueError(f"position must be one of {known}, got {position!r}")
        rotary, learned = "rotary" in position, "learned" in position
        if rotary and width // heads % 2:
            raise ValueError(
                f"rotary positions turn pairs, so width / heads must be even, got {width // heads}"
            )
        self.width, self.heads, self.position = width, heads, position
        self.forwards = bool((self.ordering == torch.arange(self.num_variables)).all())
        self.end = checked_end(self, end, forwards=self.forwards)
        self.symbols = nn.Parameter(torch.empty(self.conditional.num_features, width))
        self.start = nn.Parameter(torch.empty(width))
        self.places = nn.Parameter(torch.empty(self.num_variables, width)) if learned else None
        self.classes = (
            None if num_classes is None else nn.Parameter(torch.empty(num_classes, width))
        )
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, expand, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.readout = nn.Linear(width, self.conditional.num_params)
        # The fused kernel knows the causal mask; the others are kept. What follows from the arguments is not saved.
        mask = attention_mask(0 if pattern == "full" else self.num_variables, pattern, span)
        self.register_buffer("mask", None if pattern == "full" else mask, persistent=False)
        waves = _angles(self.num_variables, width // heads)
        self.register_buffer("cos", waves.cos().float() if rotary else None, persistent=False)
        self.register_buffer("sin", waves.sin().float() if rotary else None, persistent=False)
        table = sinusoids(self.num_variables, width) if position == "sinusoidal" else None
        self.register_buffer("waves", table, persistent=False)
        self._initialise()

    # -- likelihood ----------------------------------------------------------------------------------------------

    @property
    def takes_prefixes(self) -> bool:
        """A prefix is what is drawn first, so only where the order of the steps is that of the sequence."""
        return self.forwards and len(self.event_shape) < 3

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        values = self.in_drawing_order(x)
        h = self.embed(values[:, :-1], context)[:, : values.shape[1]]
        mask, turn = self.mask_of(h.shape[1]), self.turn_of(h.shape[1])
        for block in self.blocks:
            h = block(h, mask, turn)
        out = self.readout(self.norm(h))
        if self.end is not None:
            out = torch.where(after_end(values, self.end).unsqueeze(-1), only_end(self), out)
        out = out if self.forwards else out[:, self.rank]
        return out.view(*x.shape, self.conditional.num_params)

    def in_drawing_order(self, x: Tensor) -> Tensor:
        """The values (B, L) of an event or a prefix (B, ...)."""
        values = x.flatten(1)
        return values if self.forwards else values[:, self.ordering]

    def embed(self, values: Tensor, context: Tensor | None) -> Tensor:
        """What steps 0 to L start from, (B, L + 1, width), given the values (B, L) of the first L variables."""
        start = self.start.expand(len(values), 1, -1)
        # Floats lie between two levels, as `relaxed_log_prob` asks.
        if isinstance(self.conditional, Categorical) and not values.is_floating_point():
            symbols = F.embedding(values, self.symbols)  # a one-hot vector times a matrix
        else:
            symbols = self.conditional.features(values, self.dtype) @ self.symbols
        h = torch.cat([start, symbols], 1)
        places = self.places_of_steps()
        if places is not None:
            h = h + places[: h.shape[1]]
        if self.classes is not None:
            h = h + self.classes[context].unsqueeze(1)
        return self.dropout(h)

    def places_of_steps(self) -> Tensor | None:
        """What tells each step its place, (T, width): the vector of the variable that it predicts, or its waves."""
        if self.places is not None:
            return self.places if self.forwards else self.places[self.ordering]
        return self.waves

    def mask_of(self, length: int, first: int = 0) -> Tensor | None:
        """Where the steps `first` to `length` - 1 look: bool (length - first, length), or None for the full mask."""
        return None if self.mask is None else self.mask[first:length, :length]

    def turn_of(self, length: int, first: int = 0) -> tuple[Tensor, Tensor] | None:
        """cos and sin (length - first, d / 2) of the angles of these steps, for rotary positions."""
        return None if self.cos is None else (self.cos[first:length], self.sin[first:length])

    @torch.no_grad()
    def attention(self, x: Tensor, context: Tensor | None = None) -> list[AttentionSteps]:
        """How the steps look at one another while x is predicted: for each layer, (B, heads, L, ...).

        Row t is the step that predicts variable t, from 0 and in drawing order; column s the step that has read
        variable s - 1 (column 0: the start). Computed as written out, in eval mode; the outputs are those of the fused
        kernel that `params` uses.

        Raises:
            ValueError, TypeError: if x or context do not fit the model.
        """
        self.check(x, context)
        values = self.in_drawing_order(x)
        with eval_mode(self):
            h = self.embed(values[:, :-1], context)[:, : values.shape[1]]
            turn, found = self.turn_of(h.shape[1]), []
            mask = self.mask_of(h.shape[1])
            if mask is None:
                mask = attention_mask(h.shape[1]).to(h.device)
            for block in self.blocks:
                found.append(block.attention.steps(block.norm_1(h), mask, turn))
                h = block(h, self.mask_of(h.shape[1]), turn)
        return found

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return TransformerDecoder(self, n, context)

    # -- construction --------------------------------------------------------------------------------------------

    @torch.no_grad()
    def _initialise(self) -> None:
        for table in (self.symbols, self.start, self.classes):
            if table is not None:
                table.normal_(std=0.5)
        if self.places is not None:
            self.places.normal_()  # where a pixel stands says more about it than what stands before it
        for block in self.blocks:
            block.initialise(branches=2 * len(self.blocks))
        self.readout.weight.normal_(std=0.5 / math.sqrt(self.width))
        self.readout.bias.copy_(self.conditional.initial_params())


def sinusoids(steps: int, width: int) -> Tensor:
    """Float32 (steps, width): sines of the step at falling frequencies, then their cosines."""
    waves = _angles(steps, width)
    return torch.cat([waves.sin(), waves.cos()], 1)[:, :width].float()


def _angles(steps: int, size: int) -> Tensor:
    """Step times frequency, (steps, ceil(size / 2)); frequencies fall from 1 to almost 1 / 10,000 in equal ratios."""
    frequencies = 10_000 ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    return torch.arange(steps).unsqueeze(1) * frequencies


def _check_sizes(width: int, layers: int, heads: int, expand: int, dropout: float) -> None:
    sizes = {"width": width, "layers": layers, "heads": heads, "expand": expand}
    for name, size in sizes.items():
        positive(name, size)
    if width % heads:
        raise ValueError(f"width must be a multiple of heads, got {width} and {heads}")
    share("dropout", dropout)
