"""The groups of settings in ``RunSettings``: L2, augmentation, data, labels, images."""

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from myosweep.config.records import Record

LEARNED = "learned"


def _check_strength(strength: Any) -> Any:
    if strength == LEARNED:
        return strength
    try:
        number = float(strength)
    except (TypeError, ValueError):
        raise ValueError(f"is a number from 0 on, or {LEARNED!r}, got {strength!r}") from None
    if not 0 <= number < math.inf:
        raise ValueError(f"is a finite number, 0 or larger, got {strength!r}")
    return number


class Learned(Record):
    """How ``l2.strength = "learned"`` is learned during one training."""

    start: float = Field(1e-4, gt=0, description="learned strength: where it starts")
    rate: float = Field(
        0.05, gt=0, description="learned strength: largest usual step of its logarithm"
    )
    per: Literal["network", "layer"] = Field(
        "network", description="learned strength: one for all weights, or one for each layer"
    )


class L2(Record):
    """How L2 regularisation acts. It touches convolution weights, never biases."""

    kind: Literal["penalty", "decoupled", "l1"] = Field(
        "penalty",
        description="penalty: strength x weight is added to the gradient before Adam's moments, as "
        "MATLAB does; decoupled: weights shrink by learning rate x strength per step (AdamW); "
        "l1: strength x sign of the weight is added to the gradient",
    )
    strength: Annotated[float | Literal["learned"], BeforeValidator(_check_strength)] = Field(
        1e-4,
        description="the regularisation factor; 0 switches it off; 'learned' adapts it during the "
        "training to the validation loss",
    )
    time_scale_epochs: float = Field(
        0.0,
        ge=0,
        description="decoupled: instead of strength, the epochs in which a weight would shrink to "
        "1/e without gradients, at the largest learning rate; 0 leaves it to strength",
    )
    learned: Learned = Learned()

    @model_validator(mode="after")
    def _check_time_scale(self) -> "L2":
        if self.time_scale_epochs > 0 and self.kind != "decoupled":
            raise ValueError(
                "time_scale_epochs is for kind 'decoupled', where weights shrink at a rate of "
                f"their own; kind is {self.kind!r}; give a strength instead"
            )
        if self.time_scale_epochs > 0 and self.strength == LEARNED:
            raise ValueError(
                "time_scale_epochs fixes what strength = 'learned' would learn; give one of them"
            )
        return self


class Data(Record):
    """Which part of the training data trains."""

    fraction: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the training part's patients that train; smaller subsets lie in "
        "larger ones, and the number of steps stays",
    )


class Labels(Record):
    """Errors put into the masks of the training part on purpose."""

    noise: Literal["none", "jitter", "dilation", "erosion", "dropped", "swapped", "polygons"] = (
        Field(
            "none",
            description="errors in the training masks: jitter: wavering contours; dilation, "
            "erosion: outer contour too far out or in; dropped: slices without a drawing; swapped: "
            "patients with another's masks; polygons: contours with few corners",
        )
    )
    strength: float = Field(
        0.0,
        ge=0,
        description="of labels.noise; jitter: root mean square shift, px; dilation, erosion: px; "
        "dropped: share of slices; swapped: share of patients; polygons: px between corners",
    )

    @model_validator(mode="after")
    def _check_share(self) -> "Labels":
        if self.noise in ("dropped", "swapped") and self.strength > 1:
            raise ValueError(
                f"strength of labels.noise {self.noise!r} is a share from 0 to 1, got "
                f"{self.strength:g}"
            )
        return self


class Images(Record):
    """Worse image quality, made on purpose."""

    noise: Literal["none", "noise", "blur", "ghosting", "resolution"] = Field(
        "none",
        description="worse images: noise; blur; ghosting: a faint copy along the columns; "
        "resolution: the outer part of k-space is missing",
    )
    strength: float = Field(
        0.0,
        ge=0,
        description="of images.noise; noise: standard deviation, as a share of the image's own; "
        "blur: standard deviation, px; ghosting: strength of the copy, 0 to 1; resolution: how "
        "many times coarser",
    )
    parts: Literal["training", "all"] = Field(
        "training", description="of images.noise: in the training part only, or in all parts"
    )

    @model_validator(mode="after")
    def _check_strength(self) -> "Images":
        if self.noise == "ghosting" and self.strength > 1:
            raise ValueError(f"strength of ghosting lies between 0 and 1, got {self.strength:g}")
        if self.noise == "resolution" and 0 < self.strength < 1:
            raise ValueError(
                f"strength of resolution is how many times coarser, from 1 on, got "
                f"{self.strength:g}"
            )
        return self


class Augmentation(Record):
    """Random changes of each training image, drawn anew in every epoch."""

    flip: float = Field(0.5, ge=0, le=1, description="probability of a left-right flip")
    shift_px: float = Field(
        10.0, ge=0, description="largest shift, pixels; x and y are uniform in [-shift, shift]"
    )
    rotation_deg: float = Field(
        0.0, ge=0, le=180, description="largest rotation about the centre, degrees, either way"
    )
    scale: float = Field(
        0.0, ge=0, lt=1, description="largest change of size, as a share: 0.2 is 1/1.2 to 1.2 times"
    )
    intensity: float = Field(
        0.0,
        ge=0,
        le=1,
        description="largest change of gamma, contrast and brightness: 0.3 is a gamma and a "
        "contrast of 1/1.3 to 1.3, and 0.3 standard deviations of brightness",
    )
