"""Images in class folders, or with a sheet of their classes."""

from screens import options, touch

GREY = {"grey": 0}


def folder(root, *names, labels_required=True, **keys):
    """Make files below a folder; return the options of a screen that reads them."""
    touch(root, *names)
    section = options(
        **{
            "format": "classes",
            "images": str(root),
            "channels": GREY,
            "labels_required": labels_required,
            **keys,
        }
    )
    return section


def sheet(root, text, *names, **keys):
    """Write a sheet with a folder of images; return the options that read it."""
    touch(root / "images", *names)
    (root / "s.csv").write_text(text)
    return folder(root / "images", sheet=str(root / "s.csv"), **keys)
