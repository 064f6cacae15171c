"""A classifier small enough for tests."""

SR = 8000
SMALL = {"sr": SR, "hidden": (16,), "epochs": 30}
