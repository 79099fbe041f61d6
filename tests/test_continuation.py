"""Going on after a prompt: the same draws as `sample` where all fits, a context that begins anew where it does not."""

from __future__ import annotations

import pytest
import torch

import armodels_lite as ar

SIZE, LEVELS = 7, 4


def model(kind: str) -> ar.AutoregressiveModel:
    torch.manual_seed(0)
    arguments = {"conditional": ar.Categorical(LEVELS), "event_shape": (SIZE,)}
    if kind == "rnn":
        made = ar.RNN(hidden=9, **arguments)
    else:
        made = ar.Transformer(
            width=8,
            heads=2,
            layers=2,
            end=0 if kind == "end" else None,
            num_classes=3 if kind == "classes" else None,
            **arguments,
        )
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return made.double()


def uniform(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("kind", ["rnn", "transformer", "end"])
@pytest.mark.parametrize("known", [0, 3, SIZE])
def test_what_fits_is_a_completion(kind: str, known: int) -> None:
    made, noise = model(kind), uniform(5, SIZE)
    prompt = torch.randint(1, LEVELS, (5, known), generator=torch.Generator().manual_seed(2))
    observed = torch.zeros(5, SIZE, dtype=torch.int64)
    observed[:, :known] = prompt
    mask = torch.arange(SIZE).expand(5, -1) < known
    options = {"temperature": 0.7, "filter": ar.top_k(3)}
    expected = made.sample(noise=noise, observed=observed, mask=mask, **options)
    found = ar.continue_sequence(made, prompt, SIZE - known, noise=noise[:, known:], **options)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("kind", ["rnn", "transformer", "end"])
@pytest.mark.parametrize("known", [2, SIZE - 1, SIZE, 12])
@pytest.mark.parametrize("keep", [1, 3, SIZE - 1])
def test_a_context_that_slides(kind: str, known: int, keep: int) -> None:
    """Each variable is drawn from the conditional after the window that the docstring describes, computed afresh."""
    made, noise = model(kind), uniform(3, 15)
    prompt = torch.randint(1, LEVELS, (3, known), generator=torch.Generator().manual_seed(2))
    text = ar.continue_sequence(made, prompt, 15, overflow="slide", keep=keep, noise=noise)
    assert torch.equal(text[:, :known], prompt)
    first = 0 if known < SIZE else known - keep
    for t in range(known, known + 15):
        if t - first == SIZE:
            first = t - keep
        assert min(keep, known) <= t - first < SIZE
        window = torch.cat([text[:, first:t], torch.zeros(3, 1, dtype=torch.int64)], 1)
        dist = made.conditional.distribution(made.params(window)[:, -1])
        assert torch.equal(dist.draw(noise[:, t - known]), text[:, t])


def test_after_the_end_only_the_end() -> None:
    texts = ar.continue_sequence(
        model("end"),
        torch.ones(40, 1, dtype=torch.int64),
        60,
        overflow="slide",
        noise=uniform(40, 60),
    ).tolist()
    ended = [text for text in texts if 0 in text]
    assert 0 < len(ended)
    assert all(set(text[text.index(0) :]) == {0} for text in ended)


def test_the_mode_is_restored_and_no_gradient_kept() -> None:
    made = model("transformer").train()
    text = ar.continue_sequence(made, torch.zeros(2, 0, dtype=torch.int64), 3)
    assert made.training
    assert tuple(text.shape) == (2, 3)
    waves = ar.RNN((5,), hidden=4, conditional=ar.GaussianMixture(2))
    prompt = torch.zeros(2, 3, requires_grad=True)
    assert not ar.continue_sequence(waves, prompt, 2).requires_grad


def test_each_row_keeps_its_class_when_the_context_slides() -> None:
    made, context, noise = model("classes"), torch.tensor([2, 0, 1]), uniform(3, 20)
    prompt = torch.zeros(3, 2, dtype=torch.int64)
    options = {"overflow": "slide", "keep": 3}
    texts = ar.continue_sequence(made, prompt, 20, context=context, noise=noise, **options)
    for row in range(3):
        one = slice(row, row + 1)
        alone = ar.continue_sequence(
            made, prompt[one], 20, context=context[one], noise=noise[one], **options
        )
        assert torch.equal(texts[one], alone)
    other = ar.continue_sequence(made, prompt, 20, context=1 + 0 * context, noise=noise, **options)
    assert torch.equal(texts[2], other[2]) and not torch.equal(texts[:2], other[:2])


def test_weights_that_are_nan_are_refused() -> None:
    made = model("transformer")
    with torch.no_grad():
        made.start[0] = torch.nan
    with pytest.raises(ValueError, match="has weights that are NaN"):
        ar.continue_sequence(made, torch.zeros(1, 2, dtype=torch.int64), 2)


def test_a_context_of_one_variable_cannot_slide() -> None:
    made = ar.Transformer((1,), width=8, heads=2, layers=1, conditional=ar.Categorical(3))
    with pytest.raises(ValueError, match="a context of 1 variable cannot slide"):
        ar.continue_sequence(made, torch.zeros(2, 1, dtype=torch.int64), 3, overflow="slide")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"length": 5}, ValueError, "prompt of 3 and 5 more do not fit .* context of 7"),
        ({"overflow": "wrap"}, ValueError, "overflow must be 'error' or 'slide', got 'wrap'"),
        ({"keep": 2}, ValueError, "keep is for overflow='slide'"),
        ({"overflow": "slide", "keep": 7}, ValueError, "keep must be an int from 1 to 6, got 7"),
        ({"prompt": torch.tensor([0, 1])}, TypeError, r"prompt must be a tensor \(n, L\)"),
        ({"prompt": torch.tensor([[0.0]])}, TypeError, "prompt must be torch.int64"),
        ({"prompt": torch.tensor([[4]])}, ValueError, "levels 0 to 3, got 4"),
        ({"length": -1}, ValueError, "length must be an int of at least 0, got -1"),
        ({"length": 2.0}, ValueError, "length must be an int of at least 0, got 2.0"),
        ({"temperature": 0}, ValueError, "temperature must be a positive number"),
        ({"filter": 3}, ValueError, "filter must be a function"),
        ({"noise": torch.ones(1, 2)}, ValueError, "noise must lie strictly between 0 and 1"),
        ({"noise": torch.full((1, 3), 0.5)}, ValueError, r"noise must be floats of shape \(1, 2\)"),
        ({"noise": torch.full((2, 2), 0.5)}, ValueError, "n is 1, but noise is for 2 samples"),
        ({"noise": torch.rand(1, 2, device="meta")}, ValueError, "noise is on meta, the model on"),
        ({"noise": [[0.5, 0.5]]}, TypeError, "noise must be a tensor .* got list"),
        ({"generator": 3}, TypeError, "generator must be a torch.Generator, got int"),
        ({"context": torch.tensor([0])}, ValueError, "is not conditional"),
        ({"model": ar.FVSBN((7,))}, ValueError, "takes prefixes .* got FVSBN"),
        ({"model": torch.nn.Linear(2, 2)}, TypeError, "autoregressive model, got Linear"),
    ],
)
def test_bad_arguments(changes: dict, error: type[Exception], message: str) -> None:
    given = {"model": model("rnn"), "prompt": torch.tensor([[0, 1, 2]]), "length": 2, **changes}
    with pytest.raises(error, match=message):
        ar.continue_sequence(**given)
