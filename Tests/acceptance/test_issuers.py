"""Who issues documents, and on what terms."""

import pytest

from harness import Refused

NORTH = ("issuer", "create", "north", "--name", "North Gate GmbH")


def test_an_issuer_that_is_not_understood_changes_nothing(fresh, tmp_path):
    round_logo = tmp_path / "round.svg"
    round_logo.write_text("<svg viewBox='0 0 9 9'><circle r='4'/></svg>")
    for words, code, message in (
        (("--late-days", "-1"), 2, "0 to 3660"),
        (("--late-days", "3661"), 2, "0 to 3660"),
        (("--logo", tmp_path / "missing.svg"), 1, "cannot be read"),
        (("--logo", round_logo), 1, "circle"),
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
