"""Quality tables of images, and the reasons that they flag."""

from fake_store import FakeStore

from moascope.preprocessing import quality
from moascope.preprocessing.quality_measures.options import Quality

OPTIONS = Quality(focus_z=4.0, max_saturated=0.02, min_foreground=0.02, intensity_z=6.0)


def measured(pixels, channels=("DNA",)):
    """Measure a plate with the given pixels (n, C, Y, X)."""
    return quality.measure_plate(FakeStore(pixels, channels))


def reasons(pixels, channels=("DNA",), **options):
    """Return the reasons for which each site of a plate is flagged."""
    return list(
        quality.flag(measured(pixels, channels), OPTIONS.model_copy(update=options))["reasons"]
    )
