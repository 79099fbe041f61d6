"""Time series, whole and cut into windows: sunspots and co2."""

from __future__ import annotations

import numpy as np
import torch

from .containers import SeriesData, Split
from .entry import DataSet, accept, as_published, statistics

__all__ = ["CO2", "SUNSPOTS"]


# ---- windows -----------------------------------------------------------------------------------------------


def _windows(
    entry: DataSet,
    series: torch.Tensor,
    years: torch.Tensor,
    observed: torch.Tensor,
    borders: tuple[int, int],
    window: int,
) -> SeriesData:
    """Cut a series (N,) at two years; a part gives all windows that lie in it whole.

    The windows are float32 (n, window) and standardised by the first part; `series` stays in its unit.
    """
    starts = tuple(int((years < border).sum()) for border in borders)
    parts = torch.tensor_split(series, starts)
    accept(entry, "window", window, range(1, min(len(part) for part in parts) + 1))
    mean, std = (float(value) for value in statistics(parts[0]))
    train, valid, test = (
        Split(((part - mean) / std).float().unfold(0, window, 1).contiguous()) for part in parts
    )
    return SeriesData(
        **entry.about(),
        train=train,
        valid=valid,
        test=test,
        event_shape=(window,),
        levels=None,
        series=series,
        years=years,
        observed=observed,
        starts=starts,
        mean=mean,
        std=std,
    )


# ---- sunspots ----------------------------------------------------------------------------------------------


def _load_sunspots(entry: DataSet, window: int = 24) -> SeriesData:
    """series: yearly sunspot numbers, (309,) float64; years: int64; windows of `window` years, 1 to 50."""
    from statsmodels.datasets import sunspots

    table = sunspots.load_pandas().data
    as_published(
        table.to_numpy() * 10,
        "5c1894f4fbb72480016bcdb4e9291f6a472b15263b6069d59733108e1862e830",
        entry,
    )
    series = torch.tensor(table["SUNACTIVITY"].to_numpy(dtype=np.float64))
    years = torch.tensor(table["YEAR"].to_numpy(dtype=np.int64))
    observed = torch.ones(len(series), dtype=torch.bool)
    return _windows(entry, series, years, observed, (1900, 1950), window)


SUNSPOTS = DataSet(
    name="sunspots",
    loader=_load_sunspots,
    description="Yearly sunspot numbers 1700-2008, n=309: whole in .series, .years; windows of 24 years "
    "(window=) from 1700-1899, 1900-1949 and 1950-2008, standardised by the first part.",
    licence="public domain",
    source="statsmodels (National Geophysical Data Center)",
)


# ---- CO2 at Mauna Loa --------------------------------------------------------------------------------------


def _load_co2(entry: DataSet, window: int = 52) -> SeriesData:
    """series: weekly CO2 in ppm, (2284,) float64; years: float64 decimal years; windows of `window` weeks."""
    from statsmodels.datasets import co2

    table = co2.load_pandas().data
    measured = table["co2"].to_numpy(dtype=np.float64)
    observed = ~np.isnan(measured)
    as_published(
        np.where(observed, measured, 0) * 10,
        "f9d462407c33d3f5a079f17ecdd323ba04ed5310e7482270eecde79d7a684755",
        entry,
    )
    week = np.arange(len(measured))
    filled = np.interp(week, week[observed], measured[observed])
    days = np.where(table.index.is_leap_year, 366, 365)  # in each row's year
    years = (table.index.year + (table.index.day_of_year - 1) / days).to_numpy(dtype=np.float64)
    return _windows(
        entry,
        torch.tensor(filled),
        torch.tensor(years),
        torch.tensor(observed),
        (1985, 1993),
        window,
    )


CO2 = DataSet(
    name="co2",
    loader=_load_co2,
    description="Weekly atmospheric CO2 at Mauna Loa in ppm, March 1958 to December 2001, n=2284. The "
    "59 weeks without a value are filled by a straight line between their neighbours and are False in "
    ".observed. Windows of 52 weeks (window=) from 1958-1984, 1985-1992 and 1993-2001, standardised by "
    "the first part. The level rises throughout, so the later parts lie outside the range of the first.",
    licence="public domain",
    source="statsmodels (C. D. Keeling, T. P. Whorf, 2004)",
)
