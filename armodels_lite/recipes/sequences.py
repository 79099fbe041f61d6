"""Recipes for sequences: text, first names, chorales, spoken digits."""

from __future__ import annotations

from ..conditionals import Categorical
from ..models import RNN, Transformer, WaveNet
from .recipe import Recipe
from .shared import SMALL, TEXT

__all__ = ["SEQUENCE_RECIPES"]

MUSIC = {**SMALL, "epochs": 40, "batch_size": 16, "learning_rate": 1e-2, "clip": 1.0}
CHORALES = {"transposed": True}

SEQUENCE_RECIPES = (
    Recipe(
        name="tiny_shakespeare_lstm",
        about="LSTM with 512 units over characters",
        data="tiny_shakespeare",
        options={"window": 128},
        # The number of weights does not depend on the length: trained on windows of 128, used up to 512.
        model=lambda: RNN((512,), hidden=512, dropout=0.3, conditional=Categorical(65)),
        training={**TEXT, "epochs": 14, "batch_size": 16, "learning_rate": 8e-3},
        published="1.4697 nats per character on valid and test together, windows of 256 (nanoGPT, a Transformer of "
        "10.7 million weights; A. Karpathy 2022)",
    ),
    Recipe(
        name="tiny_shakespeare_transformer",
        about="Transformer with 4 layers of width 160, 5 heads, rotary positions, over characters",
        data="tiny_shakespeare",
        options={"window": 256},
        model=lambda: Transformer(
            (256,),
            width=160,
            layers=4,
            heads=5,
            position="rotary",
            dropout=0.1,
            conditional=Categorical(65),
        ),
        training={
            **TEXT,
            "epochs": 14,
            "batch_size": 8,
            "learning_rate": 4e-3,
            "weight_decay": 0.1,
        },
        published="1.4697 nats per character on valid and test together (nanoGPT, a Transformer of 10.7 million "
        "weights, windows of 256; A. Karpathy 2022)",
    ),
    Recipe(
        name="names_gru",
        about="GRU with 192 units over the letters of first names",
        data="names",
        model=lambda: RNN(
            (16,), hidden=192, cell="gru", dropout=0.3, conditional=Categorical(27), end=0
        ),
        training={**TEXT, "epochs": 20, "batch_size": 128, "learning_rate": 1e-2},
    ),
    Recipe(
        name="jsb_chorales_gru",
        about="GRU with 150 units over the 88 keys of chorales, linear links within a step",
        data="jsb_chorales",
        options=CHORALES,
        # Trained on windows of 32 quarter notes; the longest chorale has 160.
        model=lambda: RNN((160, 88), hidden=150, cell="gru", dropout=0.2, links=True),
        training=MUSIC,
        published="5.56 nats per step (RNN-NADE; Boulanger-Lewandowski, Bengio, Vincent 2012)",
    ),
    Recipe(
        name="jsb_chorales_gru_independent",
        about="GRU as above, the keys of a step independent of one another given the past",
        data="jsb_chorales",
        options=CHORALES,
        model=lambda: RNN((160, 88), hidden=150, cell="gru", dropout=0.1),
        training=MUSIC,
        published="8.43 nats per step (GRU with independent keys; Bai, Kolter, Koltun 2018)",
    ),
    Recipe(
        name="fsdd_wavenet",
        about="WaveNet: two stacks of 9 layers with 32 channels, told the speaker, the digit and the time",
        data="fsdd",
        options={"voices": True},
        model=lambda: WaveNet(
            (4096,), channels=32, layers=9, stacks=2, num_classes=60, position=True
        ),
        training={**TEXT, "epochs": 8, "batch_size": 4, "learning_rate": 1e-2},
    ),
)
