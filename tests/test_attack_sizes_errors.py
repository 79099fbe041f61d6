"""What the widget of attacks refuses, and says: arrays that do not fit, names, choices."""

from __future__ import annotations

import math

import numpy as np
import pytest

from armodels_lite.widgets import AttackSizes

FLAT, RIGHT = np.full(3, -5.0), np.ones(3, dtype=bool)
PAIR = (FLAT, RIGHT)
GOOD = {"reference": FLAT, "clean": PAIR, "attacks": {"PGD": [PAIR]}, "sizes": ("1",)}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"reference": []}, r"reference must hold log-probabilities .* n > 0, got .* \(0,\)"),
        (
            {"reference": np.zeros((2, 2))},
            r"shape \(n,\) with n > 0, got float64 of shape \(2, 2\)",
        ),
        ({"reference": [-1.0, math.nan]}, "reference must hold finite .* got nan in 1 of 2"),
        ({"reference": [-1.0, -math.inf]}, "reference must hold finite .* got -inf in 1 of 2"),
        ({"reference": RIGHT}, "reference must hold log-probabilities in nats.* got bool"),
        ({"reference": ["a"]}, "reference must hold log-probabilities in nats"),
        ({"reference": [[1.0], [1.0, 2.0]]}, r"reference must be one array of shape \(n,\)"),
        ({"clean": FLAT}, r"clean must be a pair \(log_probs, right\), got ndarray"),
        ({"clean": (FLAT,)}, r"clean must be a pair \(log_probs, right\), got 1 entries"),
        ({"clean": (FLAT, RIGHT[:2])}, r"right of clean must be bools of shape \(3,\).* \(2,\)"),
        ({"clean": (FLAT, [1, 0, 1])}, "right of clean must be bools .* got int64"),
        ({"clean": ([], [])}, "log_probs of clean must hold .* n > 0"),
        ({"attacks": {}}, r"attacks must map a name to one pair .* got no attack"),
        ({"attacks": [PAIR]}, "attacks must map a name to one pair .* got list"),
        ({"attacks": {3: [PAIR]}}, "attacks must have names, got 3"),
        ({"attacks": {"PGD": [PAIR, PAIR]}}, r"'PGD' must have .* each of the 1 sizes .* got 2"),
        ({"attacks": {"PGD": PAIR[0]}}, "'PGD' must have a pair .* got ndarray"),
        (
            {"attacks": {"PGD": [(FLAT[:2], RIGHT[:2])]}},
            "attack 'PGD' of size 1 must hold the 3 images of clean, attacked, got 2",
        ),
        (
            {"attacks": {"PGD": [(FLAT * math.nan, RIGHT)]}},
            "log_probs of attack 'PGD' of size 1 must hold finite .* got nan in 3 of 3",
        ),
        ({"sizes": ()}, r"sizes must be the names of one size or more.* got \(\)"),
        ({"sizes": "1"}, "sizes must be the names .* got '1'"),
        ({"sizes": (1,)}, r"sizes must be the names .* got \(1,\)"),
        ({"sizes": ("1", "1")}, "sizes must differ from each other"),
        ({"sizes": ("0",)}, "from '0', which stands for the clean images"),
        ({"num_variables": 0}, "num_variables must be a positive int or None, got 0"),
        ({"num_variables": 64.0}, "num_variables must be a positive int or None, got 64.0"),
        ({"attack": "FGSM"}, "attack must be one of PGD, got 'FGSM'"),
        ({"asked": 3}, r"asked must be a percentage among \(1, 2, 5, 10, 20\), got 3"),
        ({"asked": 0.05}, "asked must be a percentage among .* got 0.05"),
        ({"start": 2}, "steps are 0 to 1, got 2"),
    ],
)
def test_mistakes_say_what_is_accepted(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AttackSizes(**{**GOOD, **changed})
