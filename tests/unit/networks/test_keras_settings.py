"""Settings of Keras that results depend on."""

from moascope.networks.keras_settings import pin


def test_another_keras_is_pinned_by_the_same_functions():
    class Backend:
        def __init__(self):
            self.kept = {}

        def __getattr__(self, name):
            return lambda value: self.kept.update({name: value})

    backend = Backend()
    pin(backend)
    assert backend.kept == {
        "set_floatx": "float32",
        "set_epsilon": 1e-7,
        "set_image_data_format": "channels_last",
    }
