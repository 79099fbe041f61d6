"""Training reaches what it should, can be repeated, and fails without losing anything."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from training_toys import Toy, bits, interrupt_at, same, settings, weights_of

import armodels_lite as ar
from armodels_lite.data import load
from armodels_lite.training import evaluate, fit, learning_rate_at
from armodels_lite.training.randomness import own_randomness, seed_for
from armodels_lite.training.state import TrainingState

REPOSITORY = Path(__file__).parent.parent


# ---- what training reaches ---------------------------------------------------------------------------------------


def test_reaches_the_entropy_of_what_it_can_represent():
    """Two bits: FVSBN has all three free numbers, so the best loss is the entropy of the data."""
    x = torch.tensor([[0.0, 0], [0, 0], [0, 0], [0, 1], [1, 0], [1, 1], [1, 1], [1, 1]])
    p = torch.tensor([3 / 8, 1 / 8, 1 / 8, 3 / 8])
    model = ar.FVSBN((2,))
    history = fit(model, x, epochs=400, batch_size=8, learning_rate=0.05, schedule="cosine")
    entropy = -(p * p.log()).sum().item()
    assert history.train_loss[0] > entropy + 0.1
    assert evaluate(model, x).nats == pytest.approx(entropy, abs=1e-4)


def test_digits_with_the_settings_of_the_course():
    digits, model = load("digits"), ar.FVSBN((1, 8, 8))
    history = fit(model, digits.train, digits.valid, epochs=60, learning_rate=1e-2, ema=0.99)
    assert 18.2 < evaluate(model, digits.test).nats < 18.9  # independent pixels: 25.3
    assert len(history) == 60 and history.stopped_because == "epochs"


def test_the_last_small_batch_counts_for_what_it_holds():
    x, model = bits(11), ar.FVSBN((6,))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(1))
    expected = -model.log_prob(x).mean().item()
    history = fit(model, x, epochs=1, batch_size=4, learning_rate=1e-12)
    assert history.train_loss[0] == pytest.approx(expected, rel=1e-5)


def test_every_example_is_seen_once_an_epoch_in_changing_order():
    seen, x = [], torch.eye(6)
    model = Toy()
    fit(
        model,
        x,
        epochs=2,
        batch_size=4,
        transform=lambda batch: seen.append(batch.argmax(1).tolist()) or batch,
    )
    _, *parts = seen  # the first is the check of the data
    first, second = parts[0] + parts[1], parts[2] + parts[3]
    assert sorted(first) == sorted(second) == list(range(6)) and first != second


def test_same_seed_same_weights_whatever_else_is_random():
    def trained(seed: int, disturbance: int) -> list[torch.Tensor]:
        model = Toy()
        torch.manual_seed(disturbance)
        fit(model, bits(), epochs=2, batch_size=8, seed=seed)
        return weights_of(model)

    assert same(trained(3, 0), trained(3, 1)) and not same(trained(3, 0), trained(4, 0))


def test_leaves_the_global_random_state_and_the_modes_alone():
    model = Toy()
    model.eval()
    model.dropout.train()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    fit(model, bits(), bits(seed=1), epochs=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert not model.training and model.dropout.training and model.logits.grad is None
    with pytest.raises(RuntimeError, match="inside"), own_randomness(torch.device("cpu"), 1):
        torch.rand(1)
        raise RuntimeError("inside")
    assert torch.equal(torch.get_rng_state(), before)
    assert (
        seed_for(0, 1, "a") != seed_for(0, 1, "b") != seed_for(0, 2, "b")
        and seed_for(0, 1, "a") < 2**63
    )


def test_trains_even_where_gradients_are_switched_off():
    model = Toy()
    with torch.no_grad():
        fit(model, bits(), epochs=1)
        assert not torch.is_grad_enabled()
    assert not same(weights_of(model), weights_of(Toy()))


def test_labels_are_fed_to_conditional_models_only():
    labels = torch.arange(50) % 3
    plain, conditional = Toy(), Toy(num_classes=3)
    for model in (plain, conditional):
        fit(model, SimpleNamespace(x=bits(), y=labels), (bits(), labels), epochs=1, batch_size=50)
    assert plain.contexts == [None]
    assert sorted(conditional.contexts[0].tolist()) == sorted(labels.tolist())
    real = ar.FVSBN((6,), num_classes=3)
    fit(real, (bits(), labels), epochs=1)
    with pytest.raises(ValueError, match="context"):
        fit(real, bits(), epochs=1)


# ---- the settings -------------------------------------------------------------------------------------------------


def test_schedules():
    cosine = settings(schedule="cosine", warmup=4, learning_rate=2.0)
    rates = [learning_rate_at(step, 20, cosine) for step in range(20)]
    assert rates[:5] == [0.5, 1.0, 1.5, 2.0, 2.0] and rates[12] == pytest.approx(1.0)
    assert all(a > b for a, b in itertools.pairwise(rates[4:])) and rates[-1] == pytest.approx(
        0.0192, abs=1e-4
    )
    constant = settings(warmup=2, learning_rate=2.0)
    assert [learning_rate_at(step, 5, constant) for step in range(5)] == [1, 2, 2, 2, 2]
    history = fit(Toy(), bits(16), epochs=3, batch_size=4, schedule="cosine", learning_rate=1.0)
    assert history.learning_rate == [learning_rate_at(s, 12, settings(schedule="cosine", learning_rate=1.0))
                                     for s in (3, 7, 11)]  # fmt: skip


def test_clipping_shortens_the_gradient_and_reports_its_length():
    model = Toy()
    state = TrainingState(model, settings(clip=0.5), keep_best=False)
    model.logits.grad = torch.full((6,), 2.0)
    assert state.clip_gradient().item() == pytest.approx(2 * math.sqrt(6))
    assert model.logits.grad.norm().item() == pytest.approx(0.5, rel=1e-4)
    assert TrainingState(model, settings(), keep_best=False).clip_gradient() is None


def test_the_model_ends_with_the_average_of_its_weights():
    trace, plain, averaged = [], ar.FVSBN((6,)), ar.FVSBN((6,))

    def spy(batch):
        trace.append(weights_of(plain))
        return batch

    fit(plain, bits(), epochs=2, batch_size=10, learning_rate=0.1, transform=spy)
    after = [
        *trace[2:],
        weights_of(plain),
    ]  # trace[0] is the check of the data, trace[1] the beginning
    average = trace[1]
    for step, weights in enumerate(after, start=1):
        decay = min(0.5, (1 + step) / (10 + step))
        average = [decay * a + (1 - decay) * w for a, w in zip(average, weights, strict=True)]
    fit(averaged, bits(), epochs=2, batch_size=10, learning_rate=0.1, ema=0.5)
    assert len(after) == 10
    for weight, expected in zip(weights_of(averaged), average, strict=True):
        assert torch.allclose(weight, expected, atol=1e-6) and not torch.equal(
            weight, torch.zeros_like(weight)
        )


def test_average_follows_its_formula():
    model = Toy()
    state = TrainingState(model, settings(ema=0.9), keep_best=False)
    expected = 0.3
    for step in range(1, 40):
        model.logits.data.fill_(float(step))
        model.logits.grad = torch.zeros(6)
        state.set_learning_rate(0.0)
        state.step()
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert torch.allclose(state.average[0], torch.full((6,), expected))
    with state.result_weights():
        assert torch.equal(model.logits.data, state.average[0])
    assert model.logits.data[0] == 39


def test_weight_decay_shrinks_weights_that_get_no_gradient():
    model = Toy()
    state = TrainingState(model, settings(weight_decay=0.5, learning_rate=0.1), keep_best=False)
    model.logits.grad = torch.zeros(6)
    state.step()
    assert torch.allclose(model.logits.data, torch.full((6,), 0.3 * (1 - 0.05)))


def test_sgd_takes_the_steps_of_gradient_descent_with_momentum():
    model = Toy()
    options = settings(optimizer="sgd", learning_rate=0.1, weight_decay=0.5)
    state = TrainingState(model, options, keep_best=False)
    weight, speed = model.logits.detach().clone(), torch.zeros(6)
    for step in range(3):
        model.logits.grad = torch.full((6,), float(step))
        state.step()
        speed = 0.9 * speed + step + 0.5 * weight
        weight = weight - 0.1 * speed
    assert torch.allclose(model.logits.data, weight)


def test_early_stopping_gives_back_the_best_weights():
    torch.manual_seed(0)
    model = ar.MADE((6,), hidden=(64,), seed=0)
    valid = bits(40, seed=9)
    history = fit(model, bits(12), valid, epochs=300, batch_size=4, learning_rate=0.02, patience=5)
    assert history.stopped_because == "patience" and len(history) == history.best_epoch + 5
    best = min(history.valid_loss)
    assert history.valid_loss[history.best_epoch - 1] == best < history.valid_loss[-1]
    assert evaluate(model, valid).nats == pytest.approx(best, abs=1e-6)


def test_mixed_precision_leaves_the_weights_as_they_are():
    torch.manual_seed(0)
    model = ar.MADE((6,), hidden=(32,), seed=0)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    full = fit(model, bits(), bits(seed=1), epochs=3, precision="float32")
    model.load_state_dict(start)
    mixed = fit(model, bits(), bits(seed=1), epochs=3, precision="bfloat16")
    assert model.dtype == torch.float32 and mixed.train_loss != full.train_loss
    assert mixed.valid_loss == pytest.approx(full.valid_loss, rel=0.02)


def test_a_transform_makes_the_events_anew_and_is_checked():
    grey = torch.full((64, 6), 0.5)
    drawn = []

    def binarise(x):
        drawn.append(torch.bernoulli(x))
        return drawn[-1]

    fit(Toy(), grey, epochs=2, batch_size=64, transform=binarise)
    assert not torch.equal(drawn[1], drawn[2])
    with pytest.raises(ValueError, match="floats 0 or 1"):
        fit(Toy(), grey, epochs=1)
    with pytest.raises(ValueError, match="floats 0 or 1"):
        fit(Toy(), grey, epochs=1, transform=lambda x: x + 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs is 0; accepted: an int of at least 1"),
        ({"batch_size": 2.0}, "batch_size is 2.0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; accepted: a positive number"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"optimizer": "adamw"}, "optimizer is 'adamw'; accepted: 'adam' or 'sgd'"),
        ({"schedule": "step"}, "schedule is 'step'; accepted: 'constant' or 'cosine'"),
        ({"warmup": -1}, "warmup is -1"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1"),
        ({"clip": 0}, "clip is 0; accepted: None or a positive number"),
        ({"ema": 1.0}, "ema is 1.0; accepted: None or a number between 0 and 1"),
        ({"patience": 0}, "patience is 0"),
        ({"patience": 3}, "patience needs validation data"),
        ({"seed": True}, "seed is True"),
        ({"precision": "half"}, "precision is 'half'; accepted: 'auto' or 'float32' or 'bfloat16'"),
        ({"device": "gpu"}, "device is 'gpu', which is unknown or not there"),
        ({"progress": 3}, "progress is 3"),
        ({"resume": True}, "resume needs the checkpoint folder"),
        ({"resume": "last"}, "resume is 'last'; accepted: True, False, 'previous'"),
        ({"checkpoint_every": 0}, "checkpoint_every is 0"),
    ],
)
def test_settings_that_make_no_sense(options, message):
    model = Toy()
    with pytest.raises(ValueError, match=message):
        fit(model, bits(), **options)
    assert same(weights_of(model), weights_of(Toy()))


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (torch.zeros(0, 6), ValueError, "train holds no examples"),
        ((bits(5), torch.zeros(4)), ValueError, "5 events and 4 labels"),
        ("digits", TypeError, "train must be a split with .x and .y, a tensor or a pair"),
        (SimpleNamespace(train=1), TypeError, "pass one of its splits, such as data.train"),
        ((bits().numpy(), None), TypeError, "train must hold tensors, got ndarray"),
        (bits(5, size=5), ValueError, r"must have shape \(B, 6\)"),
        (bits().long(), TypeError, "torch.float32"),
    ],
)
def test_data_that_do_not_fit(data, error, message):
    with pytest.raises(error, match=message):
        fit(ar.FVSBN((6,)), data)


def test_a_model_without_weights_to_train():
    with pytest.raises(ValueError, match="no weights to train"):
        fit(Toy().requires_grad_(False), bits())


def test_some_weights_may_be_frozen():
    model = ar.MADE((6,), hidden=(8,), seed=0)
    first = next(model.parameters())
    first.requires_grad_(False)
    before = first.clone()
    fit(model, bits(), bits(seed=1), epochs=2, ema=0.9)
    assert torch.equal(first, before)


# ---- when numbers break -------------------------------------------------------------------------------------------


class _BadGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, loss):
        return loss.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * math.inf


def test_a_loss_that_is_no_number_stops_with_the_last_good_weights():
    good, model = Toy(), Toy()
    fit(good, bits(), epochs=2, batch_size=10)
    model.hook = lambda call, loss: loss * math.nan if call == 13 else loss
    with pytest.raises(
        FloatingPointError, match=r"loss became nan in epoch 3, step 3 of 5.*last good weights"
    ):
        fit(model, bits(), epochs=9, batch_size=10)
    assert same(weights_of(model), weights_of(good))


def test_with_validation_data_the_best_weights_so_far_are_the_good_ones():
    best, model = Toy(), Toy()
    valid = bits(seed=1)
    longer = fit(best, bits(), valid, epochs=3, batch_size=10, learning_rate=0.5)
    model.hook = lambda call, loss: loss + math.inf if call == 16 else loss
    with pytest.raises(FloatingPointError, match="loss became inf in epoch 4, step 1 of 5"):
        fit(model, bits(), valid, epochs=9, batch_size=10, learning_rate=0.5)
    assert same(weights_of(model), weights_of(best)) and longer.best_epoch <= 3


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (1.0, "gradient became (inf|nan) in epoch 2, step 5 of 5"),
        (None, "no longer finite at the end of epoch 2"),
    ],
)
def test_a_gradient_that_is_not_finite_is_noticed_even_in_the_last_step(clip, message):
    good, model = Toy(), Toy()
    fit(good, bits(), epochs=1, batch_size=10, clip=clip)
    model.hook = lambda call, loss: _BadGradient.apply(loss) if call == 10 else loss
    with pytest.raises(FloatingPointError, match=message):
        fit(model, bits(), epochs=9, batch_size=10, clip=clip)
    assert same(weights_of(model), weights_of(good))


def test_in_the_first_epoch_the_weights_of_the_beginning_are_the_good_ones():
    model = Toy()
    model.hook = lambda call, loss: loss * math.nan if call == 4 else loss
    with pytest.raises(FloatingPointError, match="epoch 1, step 4"):
        fit(model, bits(), epochs=2, batch_size=10)
    assert same(weights_of(model), weights_of(Toy()))


# ---- interrupted by hand -----------------------------------------------------------------------------------------


def test_an_interrupt_ends_training_with_good_weights():
    good, model = Toy(), Toy()
    fit(good, bits(), epochs=2, batch_size=10)
    model.hook = interrupt_at(13)
    history = fit(model, bits(), epochs=9, batch_size=10)
    assert history.stopped_because == "interrupted" and len(history) == history.best_epoch == 2
    assert same(weights_of(model), weights_of(good)) and model.training


def test_an_interrupt_in_the_first_epoch_keeps_what_was_learnt():
    model = Toy()
    model.hook = interrupt_at(4)
    history = fit(model, bits(), epochs=9, batch_size=10)
    assert len(history) == 0 and history.best_epoch == 0
    assert not same(weights_of(model), weights_of(Toy()))


# ---- around it ---------------------------------------------------------------------------------------------


def test_training_shows_nothing_where_nobody_looks(capfd):
    fit(Toy(), bits(), epochs=2)
    assert capfd.readouterr() == ("", "")


def test_importing_the_package_does_not_import_accelerate():
    code = "import sys, armodels_lite.training; print('accelerate' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu(tmp_path):
    """The model comes back to where it was; precision, checkpoint and the NaN check work there too."""
    torch.manual_seed(0)
    model = ar.MADE((6,), hidden=(32,), seed=0)
    state = torch.cuda.get_rng_state()
    history = fit(
        model, bits(), bits(seed=1), epochs=3, ema=0.9, clip=1.0, checkpoint=tmp_path, device="cuda"
    )
    assert model.device.type == "cpu" and torch.equal(torch.cuda.get_rng_state(), state)
    assert evaluate(model, bits(seed=1)).nats == pytest.approx(
        history.valid_loss[history.best_epoch - 1], abs=1e-4
    )
    fit(model, bits(), epochs=2, precision="bfloat16")
    toy = Toy()
    toy.hook = lambda call, loss: loss * math.nan if call == 3 else loss
    with pytest.raises(FloatingPointError, match="at or before epoch 1"):
        fit(toy, bits(), epochs=1, batch_size=10)
