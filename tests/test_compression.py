"""compress and decompress: events come back exactly, in as many bytes as their probability asks for, or not at all."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

import contract
import pytest
import torch
from models_under_test import CASES, Case
from random_weights import randomised
from torch import Tensor

import armodels_lite as ar
from armodels_lite import compression, distributions
from armodels_lite.compression import AT_ONCE, HEADER, HEADER_BYTES, whole_counts

TOTAL = 2**24
BY_NAME = {case.name: case for case in CASES}
# Of every class that takes discrete variables one model at least, and every kind of context.
CHOSEN = [
    "FVSBN-categorical-class",
    "NADE-rgb-logistic",
    "NADE-agnostic-class",
    "MADE-agnostic-categorical-direct",
    "MADE-vector",
    "MADE-reordered",
    "GroupedMADE-rgb-logistic",
    "IndependentBernoulli",
    "BayesNet-mixed",
    "RNN-vectors-everything",
    "RNN-end-class",
    "PixelRNN-row-rgb",
    "PixelRNN-diagonal-categorical-class",
    "Transformer-rotary-local-class",
    "Transformer-end",
    "WaveNet-logistic-class",
    "PixelCNN-rgb-image",
    "GatedPixelCNN-class-position",
    "PixelCNNpp-rgb-class",
    "PixelCNNpp-small-image",
]
chosen = pytest.mark.parametrize("case", [BY_NAME[name] for name in CHOSEN], ids=lambda c: c.name)


def small_model() -> ar.AutoregressiveModel:
    return randomised(ar.FVSBN((40,)), seed=1)


def draws(model: ar.AutoregressiveModel, n: int, context: Tensor | None = None) -> Tensor:
    return model.sample(n, context=context, generator=torch.Generator().manual_seed(5))


def assert_exact(model: ar.AutoregressiveModel, x: Tensor, context: Tensor | None = None) -> bytes:
    blob = ar.compress(model, x, context)
    back = ar.decompress(model, blob, len(x), context)
    assert back.dtype == x.dtype == model.event_dtype and back.device == x.device
    assert torch.equal(back, x)
    return blob


def ideal_bytes(model: ar.AutoregressiveModel, x: Tensor, context: Tensor | None = None) -> float:
    with torch.no_grad():
        return -model.log_prob(x, context).sum().item() / math.log(2) / 8


# -- what goes in comes out ----------------------------------------------------------------------------------------


def test_a_model_of_every_class_is_among_those_chosen() -> None:
    classes = {case.name.split("-")[0] for case in CASES if not case.continuous}
    assert {name.split("-")[0] for name in CHOSEN} == classes - {"LinearAR"}


@chosen
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16], ids=str)
def test_round_trip(case: Case, dtype: torch.dtype) -> None:
    """Random events, improbable ones and such of probability 0 among them; weights of half precision too."""
    model = case.build(dtype)
    assert_exact(model, contract.events(model, 7), contract.contexts(model, 7))


@pytest.mark.parametrize("n", [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE + 88])
def test_any_number_of_events(n: int) -> None:
    """In blocks, each with its own contexts: any others would make the bytes many more."""
    model = randomised(ar.FVSBN((3,), num_classes=3, conditional=ar.Categorical(4)), 2.0).double()
    context = torch.randint(3, (n,))
    x = draws(model, n, context)
    used, ideal = len(assert_exact(model, x, context)), ideal_bytes(model, x, context)
    assert -4 <= used - HEADER_BYTES - ideal < 1 + 0.01 * ideal


@pytest.mark.parametrize(
    "model",
    [
        ar.RNN((5,), hidden=4, conditional=ar.Categorical(3)),
        ar.RNN((5, 2), hidden=4),
        ar.Transformer((5,), width=4, heads=1, layers=1),
        ar.Transformer((4, 3), width=4, heads=1, layers=1, conditional=ar.Categorical(3)),
        ar.WaveNet((5,), channels=3, layers=2, conditional=ar.LogisticMixture(2, levels=5)),
    ],
    ids=lambda m: f"{type(m).__name__}-{m.event_shape}",
)
def test_prefixes(model: ar.AutoregressiveModel) -> None:
    """Of every length, none among them, and of no events at all."""
    randomised(model)
    for length in range(model.event_shape[0] + 1):
        x = draws(model, 4)[:, :length]
        assert_exact(model, x)
        assert_exact(model, x[:0])


def test_events_of_probability_zero_are_stored_in_24_bits_a_surprise() -> None:
    net = ar.BayesNet((2,), parents=[[], [0]]).set_table(0, 0.0).set_table(1, [0.0, 1.0])
    x = torch.tensor([[1.0, 0.0]]).repeat(100, 1)  # both values are impossible
    assert (net.log_prob(x) == -math.inf).all()
    assert len(assert_exact(net, x)) - HEADER_BYTES == pytest.approx(2 * 100 * 24 / 8, abs=4)
    certain = torch.zeros(100, 2)
    assert len(assert_exact(net, certain)) == HEADER_BYTES  # nothing to say


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["NADE-rgb-logistic", "MADE-vector", "RNN-end-class"])
def test_what_a_gpu_stored_a_cpu_reads(name: str) -> None:
    model = BY_NAME[name].build(torch.float32)
    x, context = contract.events(model), contract.contexts(model)
    on_cpu = ar.compress(model, x, context)
    model.cuda()
    there = None if context is None else context.cuda()
    assert ar.compress(model, x.cuda(), there) == on_cpu
    back = ar.decompress(model, on_cpu, len(x), there)
    assert back.is_cuda and torch.equal(back.cpu(), x)
    assert model.device.type == "cuda"


def test_the_default_device_changes_nothing() -> None:
    """Tensors made without a device would land on it, and "meta" takes no values."""
    model = small_model()
    x = draws(model, 3)
    blob = ar.compress(model, x)
    with torch.device("meta"):
        assert ar.compress(model, x) == blob
        assert torch.equal(ar.decompress(model, blob, 3), x)


def test_a_saved_model_reads_what_the_first_one_wrote(tmp_path) -> None:
    for name in ("MADE-reordered", "BayesNet-mixed", "RNN-vectors-everything", "GroupedMADE-class"):
        model = BY_NAME[name].build()
        x, context = contract.events(model), contract.contexts(model)
        blob = ar.compress(model, x, context)
        model.loss(x, context).backward()  # use makes no difference, and leaves nothing behind
        assert torch.equal(ar.decompress(model, blob, len(x), context), x)
        model.save_pretrained(tmp_path / name)
        loaded = ar.load_pretrained(tmp_path / name)
        assert torch.equal(ar.decompress(loaded, blob, len(x), context), x)


def test_other_kinds_of_bytes() -> None:
    model = small_model()
    x = draws(model, 3)
    blob = ar.compress(model, x)
    assert type(blob) is bytes
    for same in (bytearray(blob), memoryview(blob)):
        assert torch.equal(ar.decompress(model, same, 3), x)


# -- size ----------------------------------------------------------------------------------------------------------


def test_digits_take_what_their_likelihood_says() -> None:
    model, x = ar.load_pretrained("digits_made").double(), ar.load("digits").test.x.double()
    used, ideal = len(assert_exact(model, x)), ideal_bytes(model, x)
    # The state in the header holds up to 4 bytes of what is coded.
    assert -4 <= used - HEADER_BYTES - ideal < 0.01 * ideal
    assert used < 0.45 * x.numel() / 8  # far below the one bit a pixel that they are stored in


def test_a_long_stream_loses_less_than_a_tenth_of_a_percent() -> None:
    model = randomised(ar.FVSBN((8,), conditional=ar.Categorical(64)), 0.2).double()
    x = draws(model, 3500)
    used, ideal = len(assert_exact(model, x)), ideal_bytes(model, x)
    assert ideal > 20_000
    assert -4 <= used - HEADER_BYTES - ideal < 0.001 * ideal


# -- probabilities as whole numbers --------------------------------------------------------------------------------


def plain_counts(probs: list[float]) -> list[int]:
    counts = [1 + math.floor(p * (TOTAL - len(probs))) for p in probs]
    counts[probs.index(max(probs))] += TOTAL - sum(counts)
    return counts


@pytest.mark.parametrize(
    "dist",
    [
        distributions.Bernoulli(torch.tensor([[0.0], [3.0], [-40.0], [800.0], [-math.inf]])),
        distributions.Categorical(torch.tensor([[0.0, 0.0, 0.0], [-math.inf, 1.0, -20.0]])),
        distributions.Categorical(5 * torch.randn(20, 300)),
        distributions.LogisticMixture(torch.randn(20, 6), levels=256),
    ],
    ids=["Bernoulli", "Categorical", "many levels", "LogisticMixture"],
)
def test_counts_by_the_formula(dist: distributions.Discrete) -> None:
    exact = type(dist)(dist.params.double(), *([256] if hasattr(dist, "levels") else []))
    counts = whole_counts(exact)
    assert counts.dtype == torch.int64 and (counts >= 1).all()
    assert (counts.sum(-1) == TOTAL).all()
    rows = exact.level_log_probs().exp().tolist()
    assert counts.tolist() == [plain_counts(row) for row in rows]


def test_counts_of_what_has_none() -> None:
    with pytest.raises(TypeError, match="discrete distribution of this package, got GaussianMix"):
        whole_counts(distributions.GaussianMixture(torch.zeros(2, 3)))
    with pytest.raises(ValueError, match="a probability is NaN"):
        whole_counts(distributions.Categorical(torch.tensor([[math.nan, 0.0]])))


# -- damage --------------------------------------------------------------------------------------------------------


def test_no_bit_may_flip() -> None:
    model = small_model()
    blob = ar.compress(model, draws(model, 3))
    assert len(blob) > HEADER_BYTES + 8
    for place in range(8 * len(blob)):
        flipped = bytearray(blob)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(ValueError, match="damaged or cut off|no file of compress"):
            ar.decompress(model, bytes(flipped), 3)


def test_nothing_may_be_missing_or_added() -> None:
    model = small_model()
    blob = ar.compress(model, draws(model, 3))
    others = [blob[:length] for length in range(len(blob))]
    for other in [*others, blob + b"\0", blob + bytes(4), blob[4:], blob[:36] + blob[40:]]:
        with pytest.raises(ValueError, match="damaged or cut off|no file of compress"):
            ar.decompress(model, other, 3)


FIELDS = ["mark", "model", "arithmetic", "n", "steps", "state"]


def forged(blob: bytes, field: str, value: object) -> bytes:
    """The blob with another entry in its header, and a checksum that agrees."""
    entries = list(HEADER.unpack(blob[:HEADER_BYTES]))
    entries[FIELDS.index(field)] = value
    head, words = HEADER.pack(*entries)[:-4], blob[HEADER_BYTES:]
    return head + zlib.crc32(words, zlib.crc32(head)).to_bytes(4, "little") + words


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("mark", b"arm2", r"begins with b'arm1' and 36 bytes of header, got .* b'arm2'"),
        ("model", bytes(8), r"another context than this FVSBN\(\(40,\), Bernoulli\(\), 820 param"),
        ("arithmetic", bytes(4), "floats are rounded differently"),
        ("n", 2, "these bytes hold 2 events, got n = 3"),
        ("n", 2**32 - 1, "these bytes hold 4294967295 events"),
        ("steps", 39, "did not end where encoding began"),
        ("steps", 0, "did not end where encoding began"),
        ("steps", 2**32 - 1, "all 40 variables are observed"),
        ("state", 2**32, "did not end where encoding began"),
        ("state", 0, "did not end where encoding began"),
        ("state", 2**64 - 1, "did not end where encoding began"),
    ],
    ids=str,
)
def test_a_header_that_lies(field: str, value: object, message: str) -> None:
    model = small_model()
    blob = ar.compress(model, draws(model, 3))
    assert forged(blob, "n", 3) == blob
    with pytest.raises(ValueError, match=message):
        ar.decompress(model, forged(blob, field, value), 3)


def test_half_a_word_is_damage_though_the_checksum_agrees() -> None:
    model = small_model()
    blob = ar.compress(model, draws(model, 3)) + b"\0"
    with pytest.raises(ValueError, match="damaged or cut off"):
        ar.decompress(model, forged(blob, "n", 3), 3)


# -- another model, another machine --------------------------------------------------------------------------------


def with_one_bit_changed(model: ar.AutoregressiveModel) -> ar.AutoregressiveModel:
    with torch.no_grad():
        model.linear.bias.view(torch.int32)[7] ^= 1
    return model


def with_one_link_less(model: ar.AutoregressiveModel) -> ar.AutoregressiveModel:
    model.linear.mask[3, 2] = 0
    return model


OTHERS = {
    "one bit of one weight": lambda: with_one_bit_changed(small_model()),
    "a mask, which is no weight": lambda: with_one_link_less(small_model()),
    "ordering": lambda: small_model().with_ordering("reverse"),
    "kind": lambda: randomised(ar.NADE((40,), hidden=3)),
    "shape": lambda: randomised(ar.FVSBN((1, 5, 8)), seed=1),
    "levels": lambda: randomised(ar.FVSBN((40,), conditional=ar.Categorical(2)), seed=1),
}


@pytest.mark.parametrize("change", OTHERS)
def test_another_model_is_noticed(change: str) -> None:
    model = small_model()
    blob = ar.compress(model, draws(model, 3))
    with pytest.raises(ValueError, match="another model, other weights or another context"):
        ar.decompress(OTHERS[change](), blob, 3)


def test_another_conditional_with_the_same_weights_is_noticed() -> None:
    """Mixtures for 8 levels and for 16 have the same parameters."""
    model, other = (
        randomised(ar.NADE((4,), hidden=3, conditional=ar.LogisticMixture(2, levels)), seed=2)
        for levels in (8, 16)
    )
    blob = ar.compress(model, draws(model, 3))
    with pytest.raises(ValueError, match="another model"):
        ar.decompress(other, blob, 3)


def test_another_context_is_noticed() -> None:
    for name in ("FVSBN-categorical-class", "MADE-vector"):
        model = BY_NAME[name].build()
        x, context = contract.events(model), contract.contexts(model)
        blob = ar.compress(model, x, context)
        with pytest.raises(ValueError, match="another context"):
            ar.decompress(model, blob, len(x), context.roll(1, 0))
        with pytest.raises(ValueError, match="is conditional: give"):
            ar.decompress(model, blob, len(x))


@pytest.mark.parametrize("n", [0, 2, 4])
def test_another_number_of_events_is_noticed(n: int) -> None:
    model = small_model()
    with pytest.raises(ValueError, match=f"these bytes hold 3 events, got n = {n}"):
        ar.decompress(model, ar.compress(model, draws(model, 3)), n)


def test_another_arithmetic_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model()
    blob = ar.compress(model, draws(model, 3))
    monkeypatch.setattr(compression, "_arithmetic", lambda: b"another machine")
    with pytest.raises(ValueError, match=r"floats are rounded differently .* here PyTorch \d"):
        ar.decompress(model, blob, 3)


def test_probabilities_that_differ_a_little_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the fingerprint sees no difference, the end of decoding does."""
    model = small_model()
    blob = ar.compress(model, draws(model, 100))
    right = ar.Bernoulli.distribution
    monkeypatch.setattr(ar.Bernoulli, "distribution", lambda self, z: right(self, z + 1e-9))
    with pytest.raises(ValueError, match="this machine rounds the model's probabilities diff"):
        ar.decompress(model, blob, 100)


@pytest.mark.parametrize(
    "model", [ar.FVSBN((64,)), ar.FVSBN((64,), conditional=ar.Categorical(16))]
)
def test_nor_is_a_difference_between_equally_likely_values(
    model: ar.AutoregressiveModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal probabilities shift bits through the coder and hide what went wrong: the values' checksum tells."""
    x = draws(model, 30)
    blob = ar.compress(model, x)
    right = compression.whole_counts
    for step in range(0, 64, 5):
        seen = iter(range(64))

        def other(dist: distributions.Distribution, step=step, seen=seen) -> Tensor:
            counts = right(dist)
            counts[:, :2] += torch.tensor([1, -1]) * (next(seen) == step)
            return counts

        monkeypatch.setattr(compression, "whole_counts", other)
        with pytest.raises(ValueError, match="the values read are not those stored"):
            ar.decompress(model, blob, 30)


# -- what stays as it was ------------------------------------------------------------------------------------------


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_number_of_threads_changes_nothing_and_comes_back(
    two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = randomised(ar.MADE((30,), hidden=(300,)), 0.2)
    x, inside = draws(model, 40), []
    right = compression.whole_counts

    def watched(dist: distributions.Distribution) -> Tensor:
        inside.append(torch.get_num_threads())
        return right(dist)

    monkeypatch.setattr(compression, "whole_counts", watched)
    with_two = assert_exact(model, x)
    assert torch.get_num_threads() == 2 and set(inside) == {1}
    torch.set_num_threads(1)
    assert ar.compress(model, x) == with_two
    torch.set_num_threads(2)
    for wrong in (forged(with_two, "state", 2**40), forged(with_two, "model", bytes(8))):
        with pytest.raises(ValueError):
            ar.decompress(model, wrong, 40)
        assert torch.get_num_threads() == 2


def test_the_model_and_the_random_numbers_stay_as_they_were() -> None:
    model = ar.Transformer((6,), width=8, heads=2, layers=1, dropout=0.4)
    randomised(model).train()
    next(model.parameters()).requires_grad_(False)
    flags = [parameter.requires_grad for parameter in model.parameters()]
    weights = [parameter.clone() for parameter in model.parameters()]
    x = draws(model, 5)
    state = torch.get_rng_state()
    blob = assert_exact(model, x)
    assert ar.compress(model.eval(), x) == blob  # dropout is off in either mode
    model.train()
    assert torch.equal(ar.decompress(model, blob, 5), x)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training for module in model.modules())
    assert [parameter.requires_grad for parameter in model.parameters()] == flags
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), weights, strict=True))
    assert model.dtype == torch.float32 and all(p.grad is None for p in model.parameters())


# -- errors --------------------------------------------------------------------------------------------------------


def broken(value: float, x: float) -> tuple[ar.AutoregressiveModel, Tensor]:
    """A model with a weight of this value, and an event."""
    model = ar.FVSBN((2,))
    with torch.no_grad():
        model.linear.weight.fill_(value)
    return model, torch.full((1, 2), x)


@pytest.mark.parametrize(
    ("model", "x", "error", "message"),
    [
        (ar.LinearAR((3,)), torch.zeros(1, 3), ValueError, "only discrete variables have a prob"),
        (
            ar.FVSBN((3,), conditional=ar.GaussianMixture(1)),
            torch.zeros(1, 3),
            ValueError,
            r"this model has GaussianMixture\(components=1\)",
        ),
        (
            ar.Histogram((1,), conditional=ar.PiecewiseConstant(3)),
            torch.zeros(1, 1),
            TypeError,
            "compression needs conditionals, one variable at a time, got Histogram",
        ),
        (
            ar.OrderEnsemble(ar.NADE((3,), hidden=2, order_agnostic=True), 2),
            torch.zeros(1, 3),
            TypeError,
            "got OrderEnsemble",
        ),
        ("digits_made", torch.zeros(1, 64), TypeError, "got str"),
        (*broken(math.nan, 1.0), ValueError, "weights that are NaN"),
        (*broken(math.inf, 0.0), ValueError, "a probability is NaN"),
        (ar.FVSBN((3,)), torch.zeros(1, 4), ValueError, "x must have shape"),
        (ar.FVSBN((3,)), torch.zeros(1, 3, dtype=torch.int64), TypeError, "x must be torch.float"),
        (ar.FVSBN((3,)), torch.full((1, 3), 0.5), ValueError, "0 or 1, got 0.5"),
        (ar.FVSBN((3,)), [[0.0, 0.0, 0.0]], TypeError, "x must be a torch.Tensor, got list"),
        (ar.FVSBN((3,), num_classes=2), torch.zeros(1, 3), ValueError, "is conditional: give"),
        (
            ar.BayesNet((2,), parents=[[], [0]], conditional=ar.Categorical((3, 2))),
            torch.tensor([[0, 2]]),
            ValueError,
            "variable 1 has levels 0 to 1, got 2",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_compressed(model, x, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        ar.compress(model, x)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"blob": "text"}, TypeError, "blob must be bytes, got str"),
        ({"blob": None}, TypeError, "blob must be bytes, got NoneType"),
        ({"blob": b""}, ValueError, "no file of compress.* got 0 bytes that begin with b''"),
        ({"blob": b"GIF89a" * 20}, ValueError, "got 120 bytes that begin with b'GIF8'"),
        ({"n": -1}, ValueError, "an int of at least 0, got -1"),
        ({"n": 3.0}, ValueError, "an int of at least 0, got 3.0"),
        ({"n": None}, ValueError, "an int of at least 0, got None"),
        ({"context": torch.zeros(3)}, ValueError, "not conditional, but a context was given"),
        ({"model": None}, TypeError, "got NoneType"),
        ({"model": ar.LinearAR((40,))}, ValueError, "only discrete variables"),
        ({"model": broken(math.nan, 0.0)[0]}, ValueError, "weights that are NaN"),
    ],
    ids=str,
)
def test_what_cannot_be_decompressed(change: dict, error: type, message: str) -> None:
    model = small_model()
    given = {"model": model, "blob": ar.compress(model, draws(model, 3)), "n": 3, **change}
    with pytest.raises(error, match=message):
        ar.decompress(**given)
