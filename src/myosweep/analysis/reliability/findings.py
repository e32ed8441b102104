"""Everything that is concluded from a model's tables; neither networks nor images."""

from dataclasses import dataclass

import pandas as pd

from myosweep.analysis.reliability.flags import Flags, Threshold, choose_threshold, measure_flags
from myosweep.analysis.reliability.pixels import PixelCalibration, pixel_calibrations
from myosweep.errors import ConfigError
from myosweep.results.reliability import About, Tables

FAILURE, CATCH = 0.6, 0.9


@dataclass(frozen=True)
class Limits:
    """What is asked of the flag.

    Attributes:
        region: a region other than the first, or the whole wall, see ``targets_of``.
        failure: a slice on which the region has a lower Dice is a failure.
        catch: share of failures that is to be caught.
    """

    region: str
    failure: float = FAILURE
    catch: float = CATCH

    def check(self, tables: Tables) -> None:
        """Raise a ``ConfigError`` that names every limit that makes no sense."""
        problems = []
        first = tables.about.regions[0]
        known = [name for name in tables.slices["region"].unique() if name != first]
        if self.region not in known:
            problems.append(
                f"the flag is about one of the regions {', '.join(known)}, got "
                f"{self.region!r}; give one of them with --region"
            )
        for name, value in (("--failure", self.failure), ("--catch", self.catch)):
            if not 0 < value < 1:
                problems.append(f"{name} lies between 0 and 1, got {value:g}; the default is good")
        if problems:
            raise ConfigError(problems, "the model cannot be calibrated so")


@dataclass(frozen=True, eq=False)
class Reliability:
    """What is known of a model's reliability; the threshold comes from validation patients.

    Attributes:
        slices: the test slices of the region, with score and Dice.
    """

    about: About
    limits: Limits
    threshold: Threshold
    validation: Flags
    test: Flags
    pixels: tuple[PixelCalibration, ...]
    slices: pd.DataFrame


def judge_reliability(tables: Tables, limits: Limits) -> Reliability:
    """Fix the threshold on validation patients, and measure everything on test patients.

    Raises:
        ConfigError: if a limit makes no sense, or there is no such region.
    """
    limits.check(tables)
    rows = tables.slices[tables.slices["region"] == limits.region]
    validation, test = (rows[rows["part"] == part] for part in ("validation", "test"))
    threshold = choose_threshold(
        validation["score"].to_numpy(float),
        validation["dice"].to_numpy(float) < limits.failure,
        validation["patient"].astype(str).to_numpy(),
        limits.catch,
    )
    pixels = tables.pixels[tables.pixels["part"] == "test"]
    return Reliability(
        tables.about,
        limits,
        threshold,
        measure_flags(validation, limits.failure, threshold.value),
        measure_flags(test, limits.failure, threshold.value),
        pixel_calibrations(pixels, tables.about.regions),
        test,
    )
