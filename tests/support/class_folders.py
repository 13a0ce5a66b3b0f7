"""Helpers of tests."""

from screens import options, touch

GREY = {"grey": 0}


def folder(root, *names, labels_required=True, **keys):
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
    touch(root / "images", *names)
    (root / "s.csv").write_text(text)
    return folder(root / "images", sheet=str(root / "s.csv"), **keys)
