"""Attacks: small changes of an image that make a classifier err. And `bpda`, which attacks it behind a defence.

Every attack is a function `attack(classifier, x, y, ...)` of a batch. The classifier may be any function from images
(B, *event_shape) to logits (B, K) that torch can differentiate, or an `ar.Classifier`. Images are shades, floats from 0
to 1, and so are the attacked ones; sizes such as `eps` are in that unit, so 8 levels of 256 are 8 / 255. With
`levels=K` the classifier is attacked as it will be used: whatever it sees is rounded to K levels first, and so is the
result. Then `eps` counts as the next lower multiple of a level, 1 / (K - 1): below one level nothing can change.

>>> import torch
>>> import armodels_lite as ar
>>> classifier = ar.Classifier((2,), 2)
>>> with torch.no_grad():
...     _ = classifier.network[0].weight.copy_(torch.tensor([[1.0, -1.0]]))   # says 1 where x_1 > x_2
>>> x = torch.tensor([[0.6, 0.5]])
>>> ar.attacks.fgsm(classifier, x, torch.tensor([1]), eps=0.1)
tensor([[0.5000, 0.6000]])
"""

from .carlini_wagner import carlini_wagner
from .deepfool import deepfool
from .evade import evade
from .gradient_sign import bim, fgsm, pgd, random_noise
from .random_search import random_search
from .victim import bpda

__all__ = [
    "bim",
    "bpda",
    "carlini_wagner",
    "deepfool",
    "evade",
    "fgsm",
    "pgd",
    "random_noise",
    "random_search",
]
