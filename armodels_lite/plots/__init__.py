"""Figures: one quiet matplotlib style, and functions from plain arrays to a matplotlib `Figure`.

    from armodels_lite import plots
    plots.show(plots.image_grid(samples), "Sixteen sampled digits: most are legible, two are not.")

Arrays may be numpy arrays, torch tensors on any device, or nested lists. Importing this package loads matplotlib;
`import armodels_lite` does not.
"""

from .charts import bars, curves
from .clouds import clouds
from .decision import decision_maps
from .graphs import chain_graph, unrolled
from .heatmaps import heatmaps, matrix
from .images import frame_strip, image_grid, ordering_path
from .music import piano_roll
from .output import Picture, show, to_png
from .points import points
from .stems import stems
from .style import COLOURS, colour_table, new_figure, style
from .waveform import spectrogram, waveform

__all__ = [
    "COLOURS",
    "Picture",
    "bars",
    "chain_graph",
    "clouds",
    "colour_table",
    "curves",
    "decision_maps",
    "frame_strip",
    "heatmaps",
    "image_grid",
    "matrix",
    "new_figure",
    "ordering_path",
    "piano_roll",
    "points",
    "show",
    "spectrogram",
    "stems",
    "style",
    "to_png",
    "unrolled",
    "waveform",
]
