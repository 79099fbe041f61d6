"""Lossless compression with any discrete model: what is likely to the model becomes short.

Source of the idea: C. E. Shannon, "A Mathematical Theory of Communication", 1948: an event of probability p needs
-log2 p bits. Of turning a model's conditionals into a file, one variable at a time: J. Rissanen, G. G. Langdon,
"Arithmetic Coding", 1979. The coder here is the one of `entropy_coder`.

Whoever decodes must find, bit for bit, the probabilities that the encoder found. So both walk through the same decoder
of the model, with the same number of sequences side by side, in float64, on the CPU, with one thread, and turn
probabilities into whole numbers before they use them. What still may differ (weights, PyTorch's build, the processor)
is written into the header, and a difference raises an error; a checksum of the values, in which decoding must end, is
the last line of defence.
"""

from __future__ import annotations

import copy
import json
import platform
import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

import torch
from torch import Tensor

from .chain import AutoregressiveModel
from .decoder import Decoder
from .distributions import Discrete, Distribution
from .entropy_coder import FIRST_STATE, TOTAL, EntropyDecoder, encode
from .inspection import check_kind
from .sampling import check_count, check_weights

__all__ = ["HEADER_BYTES", "compress", "decompress", "whole_counts"]

MAGIC = b"arm1"
# The mark, fingerprints of model and arithmetic, number of events, variables of each, the coder's state, a checksum.
HEADER = struct.Struct("<4s8s4sIIQI")
HEADER_BYTES = HEADER.size
AT_ONCE = 256  # sequences that go through the model side by side; a part of the format, since it changes rounding


def compress(model: AutoregressiveModel, x: Tensor, context: Tensor | None = None) -> bytes:
    """Store events so that `decompress` with the same model gives back exactly these.

    The size is -log2 p(x) / 8 bytes in all, plus `HEADER_BYTES`. Rounding the probabilities adds at most K / 2^23 bits
    for each variable of K levels. Every event can be stored, also one to which the model gives probability 0.

    Args:
        model: any autoregressive model of discrete variables, on any device, in any precision.
        x: (n, *event_shape), as for `log_prob`; also (n, L, ...) where the model takes prefixes.
        context: as for `log_prob`. It is not stored: `decompress` needs it again.

    Raises:
        TypeError, ValueError: no autoregressive model, continuous variables, weights or probabilities that are NaN, or
            events or a context that do not fit the model.

    >>> import armodels_lite as ar
    >>> model = ar.FVSBN((64,))                            # at first 64 fair coins: 64 bits an event
    >>> x = model.sample(100)
    >>> blob = ar.compress(model, x)
    >>> len(blob) - HEADER_BYTES, torch.equal(ar.decompress(model, blob, 100), x)
    (800, True)
    """
    _check_model(model)
    model.check(x, context)
    n, steps = len(x), x.shape[1:].numel()
    with _exact(model, context) as (exact, context):
        prints = _fingerprints(exact, context)
        starts, counts = _slots(exact, x.flatten(1), context)
    state, words = encode(starts, counts, _first_state(x.flatten(1)))
    head = HEADER.pack(MAGIC, *prints, n, steps, state, 0)
    return head[:-4] + struct.pack("<I", zlib.crc32(words, zlib.crc32(head[:-4]))) + words


def decompress(
    model: AutoregressiveModel, blob: bytes, n: int, context: Tensor | None = None
) -> Tensor:
    """The n events that `compress` stored: on the model's device, of its `event_dtype`.

    Raises:
        TypeError: no autoregressive model, or a blob that is not bytes.
        ValueError: a blob that is damaged, cut off or none of ours; another number of events; another model, other
            weights or another context; a PyTorch or a processor that rounds differently.
    """
    _check_model(model)
    model.check_context(context, check_count(n))
    found, steps, state, words, prints = _opened(blob)
    if n != found:
        raise ValueError(f"these bytes hold {found} events, got n = {n}")
    with _exact(model, context) as (exact, context):
        _compare(_fingerprints(exact, context), prints, model)
        coder = EntropyDecoder(state, words)
        blocks = [_decoded(decoder, coder, steps) for decoder, _ in _blocks(exact, n, context)]
    x = torch.cat(blocks) if blocks else exact.ordering.new_zeros(0, model.num_variables)
    x = x[:, :steps]  # of prefixes the values that they hold
    if not coder.at_the_end(_first_state(x)):
        raise ValueError(
            "decoding did not end where encoding began: this machine rounds the model's probabilities differently from "
            "the one that compressed, and the values read are not those stored"
        )
    return _shaped(model, x)


# -- both ways -------------------------------------------------------------------------------------------------------


def whole_counts(dist: Distribution) -> Tensor:
    """Probabilities as whole numbers: of K levels each gets 1 + floor(p (2^24 - K)), the most probable one the rest.

    int64 (..., K); they sum to 2^24, and none is 0. Equal floats give equal counts, which is what both ends need.

    Raises:
        TypeError: no discrete distribution of this package.
        ValueError: a probability is NaN.

    >>> whole_counts(torch.distributions.Bernoulli(0.5))
    Traceback (most recent call last):
    TypeError: counts are made of a discrete distribution of this package, got Bernoulli
    """
    if not isinstance(dist, Discrete):
        name = type(dist).__name__
        raise TypeError(f"counts are made of a discrete distribution of this package, got {name}")
    p = dist.level_log_probs().exp()
    if p.isnan().any():
        raise ValueError("a probability is NaN: there is nothing to count")
    counts = 1 + (p * (TOTAL - p.shape[-1])).floor().long()
    rest = TOTAL - counts.sum(-1, keepdim=True)
    return counts.scatter_add(-1, p.argmax(-1, keepdim=True), rest)


@contextmanager
def _exact(
    model: AutoregressiveModel, context: Tensor | None
) -> Iterator[tuple[AutoregressiveModel, Tensor | None]]:
    """The model and its context in float64 on the CPU; inside, PyTorch computes with one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        exact = copy.deepcopy(model).to("cpu", torch.float64).eval()
        if context is not None:
            context = context.cpu()
            context = context.double() if context.is_floating_point() else context
        # Tensors made inside lie on the CPU too, whatever the default device.
        with torch.device("cpu"), torch.no_grad():
            yield exact, context
    finally:
        torch.set_num_threads(threads)


def _blocks(
    model: AutoregressiveModel, n: int, context: Tensor | None
) -> Iterator[tuple[Decoder, slice]]:
    """A decoder for each block of sequences, and where the block lies."""
    for begin in range(0, n, AT_ONCE):
        block = slice(begin, min(n, begin + AT_ONCE))
        given = None if context is None else context[block]
        yield model.decoder(block.stop - begin, given), block


def _slots(
    model: AutoregressiveModel, x: Tensor, context: Tensor | None
) -> tuple[array[int], array[int]]:
    """Start and count of every value of x (n, L), in the order in which they are decoded."""
    starts, counts = array("I"), array("I")  # 4 bytes each: a list of ints would take 36
    for decoder, block in _blocks(model, len(x), context):
        values = x[block].cpu().to(decoder.x.dtype)
        for position in model.ordering[model.ordering < x.shape[1]].tolist():
            all_counts = whole_counts(decoder.distribution())
            level = values[:, position].long().unsqueeze(1)
            count = all_counts.gather(1, level)
            starts.extend((all_counts.cumsum(1).gather(1, level) - count).squeeze(1).tolist())
            counts.extend(count.squeeze(1).tolist())
            decoder.step(values[:, position])
    return starts, counts


def _decoded(decoder: Decoder, coder: EntropyDecoder, steps: int) -> Tensor:
    """The values (n, T) of one block; those after the first `steps` stay 0."""
    for _ in range(steps):
        ends = whole_counts(decoder.distribution()).cumsum(1).tolist()
        levels = []
        for row in ends:
            level = bisect_right(row, coder.slot())
            start = row[level - 1] if level else 0
            coder.take(start, row[level] - start)
            levels.append(level)
        decoder.step(torch.tensor(levels).to(decoder.x.dtype))
    return decoder.x


def _shaped(model: AutoregressiveModel, x: Tensor) -> Tensor:
    """Values (n, L), all of each event or the first of them, as events of the model."""
    n, size = x.shape
    length, *rest = model.event_shape
    length = size * length // model.num_variables
    return x.reshape(n, length, *rest).to(model.device, model.event_dtype)


def _first_state(x: Tensor) -> int:
    """Where encoding the values (n, L) begins: it holds their checksum, so that decoding others ends elsewhere."""
    return FIRST_STATE + zlib.crc32(x.cpu().long().contiguous().numpy().tobytes())


# -- the header ------------------------------------------------------------------------------------------------------


def _opened(blob: bytes) -> tuple[int, int, int, bytes, tuple[bytes, bytes]]:
    """Number of events, variables of each, the coder's state, its words, both fingerprints."""
    if not isinstance(blob, bytes | bytearray | memoryview):
        raise TypeError(f"blob must be bytes, got {type(blob).__name__}")
    blob = bytes(blob)
    if len(blob) < HEADER_BYTES or blob[:4] != MAGIC:
        raise ValueError(
            f"no file of compress: it begins with {MAGIC!r} and {HEADER_BYTES} bytes of header, got {len(blob)} bytes "
            f"that begin with {blob[:4]!r}"
        )
    _, model, arithmetic, n, steps, state, check = HEADER.unpack(blob[:HEADER_BYTES])
    words = blob[HEADER_BYTES:]
    if zlib.crc32(words, zlib.crc32(blob[: HEADER_BYTES - 4])) != check or len(words) % 4:
        raise ValueError(f"these {len(blob)} bytes are damaged or cut off: the checksum differs")
    return n, steps, state, words, (model, arithmetic)


def _fingerprints(model: AutoregressiveModel, context: Tensor | None) -> tuple[bytes, bytes]:
    """8 bytes that change with the model's kind, arguments, weights, order and context, 4 with the arithmetic."""
    arguments = json.dumps(model._hub_mixin_config, sort_keys=True, default=str)
    digest = sha256(f"{type(model).__name__} {arguments}".encode())
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    if context is not None:
        tensors[""] = context
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].detach().contiguous().numpy().tobytes())
    return digest.digest()[:8], sha256(_arithmetic()).digest()[:4]


def _arithmetic() -> bytes:
    """What decides how sums are rounded: PyTorch's build, the processor's kind, and the bits of a small computation."""
    generator = torch.Generator().manual_seed(0)
    a = torch.rand(65, 65, generator=generator, dtype=torch.float64) - 0.5
    sample = torch.cat([a @ a, (a @ a[0]).tanh()[None], a.sigmoid().log(), a.log_softmax(1).exp()])
    return f"{torch.__config__.show()} {platform.machine()}".encode() + sample.numpy().tobytes()


def _compare(
    here: tuple[bytes, bytes], there: tuple[bytes, bytes], model: AutoregressiveModel
) -> None:
    if here[0] != there[0]:
        raise ValueError(
            "these bytes were compressed with another model, other weights or another context than this "
            f"{type(model).__name__}({model.extra_repr()})"
        )
    if here[1] != there[1]:
        raise ValueError(
            "these bytes were compressed where floats are rounded differently (another build of PyTorch or another "
            f"processor): here PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"
        )


def _check_model(model: AutoregressiveModel) -> None:
    check_kind(model, AutoregressiveModel, "compression needs conditionals, one variable at a time")
    if not model.conditional.discrete:
        raise ValueError(
            f"only discrete variables have a probability to compress by, and this model has {model.conditional!r}"
        )
    check_weights(model)
