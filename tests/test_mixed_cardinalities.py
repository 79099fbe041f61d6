"""Where variables differ in their number of levels: values given one by one, or in part."""

from __future__ import annotations

import pytest
import torch
from test_bayes_net import mixed


@pytest.mark.parametrize("cache", [True, False])
def test_values_given_on_the_way_are_those_of_their_variable(cache: bool) -> None:
    """Completion and decoders know which variable a value is for; what is not kept may be anything of its dtype."""
    net = mixed()
    x = torch.zeros(2, 5, dtype=torch.int64)
    x[1, 3] = 2
    mask = torch.zeros(2, 5, dtype=torch.bool)
    net.sample(2, observed=x, mask=mask, cache=cache)
    mask[1, 3] = True
    decoder = net.decoder(2, cache=cache)
    with pytest.raises(ValueError, match="variable 3 has levels 0 to 1, got 2"):
        net.sample(2, observed=x, mask=mask, cache=cache)
    with pytest.raises(ValueError, match="variable 3 has levels 0 to 1, got 2"):
        decoder.prefill(x, 5)
    decoder.prefill(x, 4)  # in drawing order variable 3 is the last
    with pytest.raises(ValueError, match="variable 3 has levels 0 to 1, got 2"):
        decoder.observe(x[:, 3])
    assert decoder.t == 4
