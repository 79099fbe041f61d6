"""What a pixel sees in a convolutional model, in words."""

from __future__ import annotations

import numpy as np

from ..models.gated_pixelcnn import GatedPixelCNN
from ..models.pixelcnn import PixelCNN
from .field_state import FieldFrame, open_count
from .mask_words import joined

__all__ = [
    "caption",
    "channel_name",
    "count_words",
    "kept_words",
    "kernel_words",
    "measured_words",
    "missing_words",
    "part_words",
    "readout",
    "remark",
    "resolution",
    "seen_words",
    "stage_words",
    "subject",
]

LISTED = 8  # pixels that a sentence names one by one; of more it gives the number
RASTER = "Pixels are numbered row by row from 1, in the order in which they are drawn."


# -- names ---------------------------------------------------------------------------------------------------------


def channel_name(channel: int, depth: int, *, short: bool = False) -> str:
    """ "red" of three channels, "channel 2" of other numbers; short, "R" and "2"."""
    if depth == 3:
        name = ("red", "green", "blue")[channel]
        return name[0].upper() if short else name
    return str(channel + 1) if short else f"channel {channel + 1}"


def resolution(factor: int) -> str:
    """ "half" for places that stand for 2 x 2 pixels."""
    return {1: "full", 2: "half", 4: "quarter"}.get(factor, f"1/{factor}")


def subject(frame: FieldFrame) -> str:
    """Whose field it is: "pixel 13" or "blue of pixel 13"."""
    name, depth = f"pixel {frame.number}", frame.shape[0]
    return name if depth == 1 else f"{channel_name(frame.place[0], depth)} of {name}"


def _pixels(count: int) -> str:
    return f"{count} pixel" if count == 1 else f"{count} pixels"


def _listed(mask: np.ndarray, frame: FieldFrame) -> str:
    """ "pixels 7, 8 and 9", or how many they are."""
    numbers = frame.numbers[mask].tolist()
    if len(numbers) > LISTED:
        return _pixels(len(numbers))
    return f"pixel{'s' if len(numbers) > 1 else ''} {joined(map(str, numbers))}"


# -- what is seen --------------------------------------------------------------------------------------------------


def seen_words(frame: FieldFrame, *, new: bool = False) -> str:
    """ "11 of the 12 pixels before it", with how many are new, and the channels of its own pixel that are seen."""
    before = frame.number - 1
    if before == 0:
        told = "no other pixel, for it is the first"
    else:
        told = _share(frame.count(frame.seen), before)
        if new and frame.step > 1:
            told += f" ({frame.count(frame.new) or 'none'} new)"
    if frame.shape[0] == 1:
        return told
    names = [channel_name(k, frame.shape[0]) for k in frame.own_channels]
    return f"{told}, and of its own pixel {joined(names) if names else 'no channel'}"


def _share(seen: int, before: int) -> str:
    if seen == before:
        return f"all {before} pixels before it" if before > 1 else "the 1 pixel before it"
    return f"{seen} of the {before} pixels before it" if before > 1 else "not the 1 pixel before it"


# -- the steps -----------------------------------------------------------------------------------------------------


def kernel_words(frame: FieldFrame) -> str:
    """What the kernels of the first layer look at, and what the mask leaves of them."""
    model, kernels = frame.walked.model, frame.stage.kernels
    rows, columns = kernels[-1].kept.shape
    if isinstance(model, PixelCNN):
        own = "" if frame.shape[0] == 1 else " and, of the pixel itself, earlier channels"
        return (
            f"The first layer looks at {rows} × {columns} places, pixel {frame.number} in their "
            f"middle. Mask A keeps the {rows * columns // 2} that are drawn before it{own}."
        )
    height, width = kernels[0].kept.shape
    if isinstance(model, GatedPixelCNN):
        return (
            f"The first layer looks twice. The vertical stack takes {height} rows of {width} "
            f"pixels above pixel {frame.number}, without a mask; the horizontal stack looks left "
            "in the pixel's own row, with mask A."
        )
    return (
        f"The first layer looks twice. The upper stream takes {height} rows of {width} pixels "
        f"above pixel {frame.number}; the left stream takes what is drawn before it in "
        f"{rows // 2 + 1} rows, its own among them."
    )


def stage_words(frame: FieldFrame) -> str:
    """What the pixel sees after a layer or block, and how much of it is new."""
    stage, whose = frame.stage, subject(frame)
    if not stage.kernels:
        return (
            "The output adds what earlier channels of the same pixel say: "
            f"{whose} now sees {seen_words(frame)}."
        )
    where = stage.name.capitalize()
    if not stage.mask:
        where += f" at {resolution(stage.factor)} resolution"
    if stage.factor > 1:
        whose = f"the place that stands for {whose}"
    return f"{where}: {whose} sees {seen_words(frame, new=True)}."


def missing_words(frame: FieldFrame) -> str:
    """What is not seen yet, and what never will be."""
    blind = frame.pixels(frame.blind)
    open_ = frame.pixels(frame.before & ~frame.seen & ~frame.earlier) & ~blind
    told = []
    if open_.any():
        told.append(f"More layers reach {int(open_.sum())} more.")
    if blind.any():
        verb, them = ("lies", "it") if int(blind.sum()) == 1 else ("lie", "them")
        told.append(
            f"Hatched: {_listed(blind, frame)} {verb} in the blind spot, no number of layers "
            f"reaches {them}."
        )
    return " ".join(told)


def count_words(frame: FieldFrame) -> str:
    """How many pixels the layers see where no border cuts their field; nothing for a PixelCNN++."""
    model, layers = frame.walked.model, frame.step
    count = open_count(model, layers)
    if count is None:
        return ""
    many, see = (f"{layers} layers", "see") if layers > 1 else ("1 layer", "sees")
    if isinstance(model, PixelCNN) and model.kernel_size == model.first_kernel_size == 3:
        told = f"L = {many} of 3 × 3 {see} 1.5 L² + 2.5 L = {count} pixels"
    else:
        told = f"{many} {see} {count} pixels"
    cut = frame.count(frame.seen) < count
    return f"Where no border is near, {told}{'; here borders cut the field.' if cut else '.'}"


def part_words(frame: FieldFrame) -> str:
    """How much comes in by which stack or stream."""
    if len(frame.parts) == 1:
        return ""
    first, second = (frame.pixels(part) for part in frame.parts[:2])
    names, both = frame.graph.parts, int((first & second).sum())
    verb = "comes" if int(first.sum()) == 1 else "come"
    told = (
        f"{_pixels(int(first.sum()))} {verb} in by the {names[0]}, "
        f"{int(second.sum())} by the {names[1]}"
    )
    return f"{told}; {both} of them by both." if both else f"{told}."


def kept_words(frame: FieldFrame) -> str:
    """At a lower resolution: which pixels share a place, and what comes back."""
    factor, kept = frame.stage.factor, frame.count(frame.kept)
    if factor == 1:
        return ""
    told = f"A place stands for {factor} × {factor} pixels (dashed)"
    if not kept:
        return f"{told}."
    return (
        f"{told}; {_pixels(kept)} seen earlier (dots) it does not see, short cuts bring them back."
    )


def measured_words(frame: FieldFrame) -> str:
    """Whether the masks and the measurement agree, and how it was measured."""
    graph, found = frame.seen, frame.measured
    how = (
        "every value was changed by itself (armodels_lite.receptive_field)"
        if frame.walked.changed
        else "derivatives of the output by all values at random images, in float64"
    )
    start = (
        f"By the masks {subject(frame)} sees {seen_words(frame)}. Measured with the model's weights"
    )
    if (graph == found).all():
        return f"{start}: all {graph.size} entries agree. How: {how}."
    unused, leaked = int((graph & ~found).sum()), int((found & ~graph).sum())
    told = []
    if unused:
        told.append(f"{unused} of the allowed values make no difference")
    if leaked:
        told.append(f"{leaked} values that no mask allows make a difference")
    return f"{start}: {joined(told)}. How: {how}."


def remark(frame: FieldFrame) -> str:
    """What to make of the step."""
    model = frame.walked.model
    if frame.kind == "kernel":
        return (
            "Mask A hides the pixel's own value: the output there is the distribution of that "
            "value. Later layers use mask B, which keeps the centre: what is known there by now "
            f"comes from values drawn before. {RASTER}"
        )
    if frame.kind == "measured":
        return "Masks allow connections, weights use them: a cross marks where the two differ."
    if isinstance(model, PixelCNN):
        reach = model.kernel_size // 2
        return (
            f"With every row further up the field may reach {reach} column{'s' * (reach > 1)} "
            "further right, and no more: a path to the right must climb, because in its own row "
            "everything on the right comes later."
        )
    if isinstance(model, GatedPixelCNN):
        return (
            "The vertical stack may look right, for it sees only rows that lie above the pixel. "
            "What it knows goes one row down into the horizontal stack, never back."
        )
    return (
        "The upper stream sees rows above, on both sides; the left stream takes from it in every "
        "block. What a block on the way down puts out returns by a short cut on the way back."
    )


# -- beside the slider and above the strip -------------------------------------------------------------------------


def readout(frame: FieldFrame) -> str:
    """What stands beside the slider."""
    if frame.kind != "stage":
        return "first kernel" if frame.kind == "kernel" else "measured"
    name, factor = frame.stage.name, frame.stage.factor
    return name if factor == 1 else f"{name}, {resolution(factor)}"


def caption(frame: FieldFrame) -> str:
    """A few words above a frame of the strip."""
    if frame.kind == "kernel":
        return "the first kernel"
    return "measured" if frame.kind == "measured" else f"after {readout(frame)}"
