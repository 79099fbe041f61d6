"""Going on where a sequence stops, also beyond the length that the model was built for."""

from __future__ import annotations

import torch
from torch import Tensor

from .chain import AutoregressiveModel
from .decoder import Decoder
from .sampling import (
    Filter,
    adjusted,
    check_noise,
    check_temperature,
    check_weights,
    sampling_mode,
)

__all__ = ["continue_sequence"]

OVERFLOWS = ("error", "slide")


def continue_sequence(
    model: AutoregressiveModel,
    prompt: Tensor,
    length: int,
    *,
    overflow: str = "error",
    keep: int | None = None,
    context: Tensor | None = None,
    temperature: float = 1.0,
    filter: Filter | None = None,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw `length` more variables after each prompt: (n, L) becomes (n, L + length).

    A model of events (T,) looks at no more than T variables, its context. Where prompt and continuation fit into T,
    the result is a sample of p(rest | prompt). Where they do not, `overflow` says what to do:

    - "error": raise ValueError, which says what fits;
    - "slide": when the context is full, begin it anew with the last `keep` variables, which pass through the model side
      by side. Each variable is then drawn given at least `keep` and less than T before it, as if the text began there;
      all earlier ones are forgotten. Of a prompt of T variables or more the last `keep` are read.

    Args:
        model: an autoregressive model of sequences (T,) that takes prefixes, such as RNN and Transformer.
        prompt: (n, L), values as the model's events have them; L may be 0.
        length: how many variables to add.
        keep: 1 to T - 1; half of T unless given. For "slide" only.
        context, temperature, filter, generator: as in `model.sample`.
        noise: (n, length) in (0, 1).

    Raises:
        ValueError, TypeError: for a model or arguments that do not fit; the message says what is accepted.

    >>> import armodels_lite as ar
    >>> model = ar.Transformer((8,), width=8, heads=2, layers=1, conditional=ar.Categorical(3))
    >>> prompt = torch.tensor([[0, 1, 2, 0, 1]])
    >>> continue_sequence(model, prompt, 20, overflow="slide").shape
    torch.Size([1, 25])
    """
    keep = _checked(model, prompt, length, overflow, keep, filter)
    n, known = prompt.shape
    check_temperature(temperature)
    model.check_context(context, n)
    check_weights(model)
    noise = check_noise(model, n, noise, generator, (length,))
    with sampling_mode(model):
        text = torch.cat([prompt, prompt.new_zeros(n, length)], 1)
        decoder = model.decoder(n, context)
        _begin(decoder, text, 0 if known < model.num_variables else known - keep, known)
        for drawn, u in enumerate(noise.unbind(1), start=known):
            if decoder.t == model.num_variables:
                _begin(decoder, text, drawn - keep, drawn)
            x = adjusted(decoder.distribution(), temperature, filter).draw(u).to(text.dtype)
            decoder.step(x)
            text[:, drawn] = x
    return text


def _begin(decoder: Decoder, text: Tensor, first: int, end: int) -> None:
    """Let the decoder read text[first:end] as the beginning of an event."""
    event = text.new_zeros(len(text), decoder.model.num_variables)
    event[:, : end - first] = text[:, first:end]
    decoder.prefill(event, end - first)


def _checked(
    model: AutoregressiveModel,
    prompt: Tensor,
    length: int,
    overflow: str,
    keep: int | None,
    filter: Filter | None,
) -> int:
    """`keep`, if everything fits; ValueError or TypeError if not."""
    if not isinstance(model, AutoregressiveModel):
        raise TypeError(f"model must be an autoregressive model, got {type(model).__name__}")
    size = model.num_variables
    if not model.takes_prefixes or len(model.event_shape) != 1:
        raise ValueError(
            f"a model of sequences (T,) that takes prefixes can go on, such as an RNN or a Transformer; "
            f"got {type(model).__name__} of events {model.event_shape}"
        )
    if not isinstance(prompt, Tensor) or prompt.dim() != 2:
        raise TypeError("prompt must be a tensor (n, L)")
    model._check_tensor("prompt", prompt, (prompt.shape[1],), model.event_dtype)
    model._check_values(prompt)
    if type(length) is not int or length < 0:
        raise ValueError(f"length must be an int of at least 0, got {length!r}")
    if filter is not None and (not callable(filter) or not model.conditional.discrete):
        raise ValueError("filter must be a function such as ar.top_k(40), for discrete variables")
    if overflow not in OVERFLOWS:
        raise ValueError(f"overflow must be 'error' or 'slide', got {overflow!r}")
    if overflow == "error":
        if prompt.shape[1] + length > size:
            raise ValueError(
                f"a prompt of {prompt.shape[1]} and {length} more do not fit into this model's context of {size}; "
                f"shorten them, or let the context slide with overflow='slide'"
            )
        if keep is not None:
            raise ValueError("keep is for overflow='slide'")
    if overflow == "slide" and size == 1:
        raise ValueError("a context of 1 variable cannot slide: it has no part that could be kept")
    keep = size // 2 if keep is None else keep
    if overflow == "slide" and not (type(keep) is int and 1 <= keep < size):
        raise ValueError(f"keep must be an int from 1 to {size - 1}, got {keep!r}")
    return keep
