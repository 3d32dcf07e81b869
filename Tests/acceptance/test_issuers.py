"""Who issues documents, and on what terms."""

import base64

import pytest

from harness import Refused

NORTH = ("issuer", "create", "north", "--name", "North Gate GmbH")


# One dot.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mM4w8DwHwAENAHM7EKZhwAAAABJRU5E"
    "rkJggg==")


def test_an_issuer_that_is_not_understood_changes_nothing(fresh, tmp_path):
    round_logo = tmp_path / "round.svg"
    round_logo.write_text("<svg viewBox='0 0 9 9'><circle r='4'/></svg>")
    short_png = tmp_path / "short.png"
    short_png.write_bytes(PNG[:50])
    photograph = tmp_path / "photograph.jpeg"
    photograph.write_bytes(b"\xff\xd8\xff\xe0")
    large_png = tmp_path / "large.png"
    large_png.write_bytes(PNG + bytes(300_000))
    for words, code, message in (
        (("--late-days", "-1"), 2, "0 to 3660"),
        (("--late-days", "3661"), 2, "0 to 3660"),
        (("--logo", tmp_path / "missing.svg"), 1, "cannot be read"),
        (("--logo", round_logo), 1, "circle"),
        (("--logo", short_png), 1, "broken"),
        (("--logo", photograph), 1, "neither an SVG nor a PNG"),
        (("--logo", large_png), 1, "262144 bytes"),
        (("--series", "in v"), 1, "series"),
    ):
        with pytest.raises(Refused, match=message) as refused:
            fresh.run(*NORTH, *words)
        assert refused.value.code == code, words
    assert fresh.json("issuer", "list") == []


def test_an_issuer_is_recorded_as_a_whole(fresh, tmp_path):
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg viewBox='0 0 4 1'><path fill='#c00' d='M0 0h4v1H0z'/></svg>")
    first = fresh.json(*NORTH, "--late-days", "92", "--logo", logo)
    assert (first["revision"], first["late_days"], first["has_logo"]) == (1, 92, True)
    assert fresh.json(*NORTH, "--late-days", "92", "--logo", logo) == first
    # What is not said again is taken away.
    later = fresh.json(*NORTH)
    assert (later["revision"], later["late_days"], later["has_logo"]) == (2, None, False)


def test_a_logo_may_be_a_png(fresh, tmp_path):
    logo = tmp_path / "logo.png"
    logo.write_bytes(PNG)
    assert fresh.json(*NORTH, "--logo", logo)["has_logo"] is True
