import pytest
import skimage.data
import skimage.transform

from moascope.networks.zoo import efficientnet_lite


@pytest.mark.parametrize(
    ("picture", "classes"), [("chelsea", {281, 282, 285}), ("coffee", {967, 968})]
)
def test_lite0_recognises_everyday_pictures(picture, classes):
    image = getattr(skimage.data, picture)() / 255.0
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = skimage.transform.resize(
        image[top : top + side, left : left + side], (224, 224), anti_aliasing=True
    )
    logits = efficientnet_lite.build_classifier("efficientnet-lite0").predict_on_batch(
        square[None].astype("float32")
    )
    assert int(logits.argmax()) in classes
