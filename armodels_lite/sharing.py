"""One set of weights in two models: what one of them learns, the other has learnt."""

from __future__ import annotations

from torch import nn

__all__ = ["share_weights"]


def share_weights(model: nn.Module, source: nn.Module) -> None:
    """Put the Parameters of `source`, the objects themselves, in the place of those of `model`, built alike.

    Buffers stay the model's own and take the device and dtype of the source's. Those that are saved with the weights
    (running means, say) hold what was learnt too, so they are copied. Each part of the model gets the mode, train or
    eval, that it has in the source.

    Raises:
        ValueError: the two models do not have the same weights, by name and shape.
    """
    _require_same_shapes(model, source)
    for name, part in model.named_modules():
        original = source.get_submodule(name)
        part.training = original.training
        for key, parameter in original._parameters.items():
            part._parameters[key] = parameter
        for key, buffer in original._buffers.items():
            if buffer is not None and key not in original._non_persistent_buffers_set:
                part._buffers[key] = buffer.clone()
            elif buffer is not None:
                part._buffers[key] = part._buffers[key].to(buffer)


def _require_same_shapes(model: nn.Module, source: nn.Module) -> None:
    ours, theirs = ({n: tuple(t.shape) for n, t in m.state_dict().items()} for m in (model, source))
    if ours != theirs:
        differing = sorted(n for n in ours.keys() | theirs.keys() if ours.get(n) != theirs.get(n))
        raise ValueError(
            f"a new {type(source).__name__} has other weights than this one, which must have been changed after it "
            f"was built: {', '.join(differing)}"
        )
