"""Tables of measured features: breast_cancer."""

from __future__ import annotations

import torch

from .containers import FeatureData
from .entry import DataSet, as_published, committed_split, split_indices, statistics

__all__ = ["BREAST_CANCER"]


def _load_breast_cancer(entry: DataSet) -> FeatureData:
    """x: (N, 30) float32, standardised by the training part; y: (N,) int64, 0 malignant, 1 benign."""
    from sklearn.datasets import load_breast_cancer

    raw = load_breast_cancer()
    as_published(
        raw.data * 1e6, "037f3d02fc78a7fe43f89321ab6ce15b39dcb91d878d4c01eeb6ac1c791385c3", entry
    )
    features = torch.from_numpy(raw.data)
    mean, std = statistics(features[split_indices(entry, len(features))["train"]])
    x = ((features - mean) / std).float()
    return FeatureData(
        **entry.about(),
        **committed_split(entry, x, torch.from_numpy(raw.target).long()),
        event_shape=(30,),
        levels=None,
        class_names=tuple(str(name) for name in raw.target_names),
        feature_names=tuple(str(name) for name in raw.feature_names),
        mean=mean.float(),
        std=std.float(),
    )


BREAST_CANCER = DataSet(
    name="breast_cancer",
    loader=_load_breast_cancer,
    description="569 breast masses: 30 measured features of the cell nuclei, standardised with the "
    "mean and standard deviation of the training part; y is 0 malignant, 1 benign. Split 399/85/85, "
    "stratified by class.",
    licence="CC BY 4.0",
    source="scikit-learn (UCI, Breast Cancer Wisconsin (Diagnostic); Wolberg, Mangasarian, Street, 1995)",
)
