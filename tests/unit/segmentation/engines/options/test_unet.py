"""Options of the U-Net."""

import pytest
from pydantic import ValidationError

from moascope.segmentation.engines.options.unet import Network


def test_binning_may_come_as_text_from_the_command_line():
    assert Network(binning="4").binning == 4
    with pytest.raises(ValidationError, match="binning"):
        Network(binning=3)
