"""The models among which the chooser chooses: how to make one, where it is explained, what it costs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MODELS", "Model"]


@dataclass(frozen=True)
class Model:
    """A model to choose.

    Attributes:
        made_by: how this package makes one; for other families where to read on.
        notebook: where the course treats it.
        cost: what it costs.
        autoregressive: whether it is one of this course's family.
    """

    made_by: str
    notebook: str
    cost: str
    autoregressive: bool = True


MODELS: dict[str, Model] = {
    "NADE": Model(
        "ar.NADE", "07", "about 2DH weights and multiplications; D short steps to draw an example"
    ),
    "MADE": Model(
        "ar.MADE(..., direct=True)",
        "09",
        "about 2DH weights; D steps to draw, each a full pass without the cache",
    ),
    "FVSBN": Model(
        "ar.FVSBN",
        "06",
        "about D²/2 weights; linear in the earlier values, so no interactions such as XOR",
    ),
    "any-order NADE": Model(
        "ar.NADE(..., order_agnostic=True)",
        "07",
        "longer training; in a single order worse than a model trained for that order alone",
    ),
    "Bayes net": Model(
        "ar.BayesNet",
        "02",
        "the arrows must be known; a table grows with 2 to the number of parents",
    ),
    "linear AR": Model("ar.LinearAR", "05", "linear, Gaussian, stationary, and nothing else"),
    "RNN": Model(
        'ar.RNN(..., cell="lstm")',
        "10",
        "training goes step by step along time; one state has to hold the past",
    ),
    "Transformer": Model(
        "ar.Transformer", "11", "work grows with T², the cache with the text; it wants data"
    ),
    "WaveNet": Model(
        "ar.WaveNet", "12", "sees its receptive field and no further; a step a sample"
    ),
    "PixelCNN": Model(
        "ar.GatedPixelCNN(..., position=True)",
        "12",
        "a step a pixel to draw; caches of rows make each one cheap",
    ),
    "PixelRNN": Model(
        'ar.PixelRNN(..., kind="diagonal")',
        "10",
        "training goes diagonal by diagonal; drawing is slow",
    ),
    "PixelCNN++": Model(
        "ar.PixelCNNpp",
        "12",
        "a step a pixel to draw; black and white needs conditional=Categorical(2)",
    ),
    "VAE": Model(
        "built in notebook 08",
        "08",
        "a bound on the likelihood in place of the number; draws from a simple decoder are blurred",
        autoregressive=False,
    ),
    "normalising flow": Model(
        "notebook 09 builds one of MADEs",
        "09",
        "every layer must be invertible; for continuous data",
        autoregressive=False,
    ),
    "diffusion model": Model(
        "not in this package",
        "14",
        "a network pass for each of many denoising steps; a bound on the likelihood",
        autoregressive=False,
    ),
}
