"""Documents are made again by `farebox invoice verify`."""

import pytest

from harness import Refused


def test_a_number_or_all_must_be_given(fresh):
    for words in ([], ["INV-2026-00001", "--all"]):
        with pytest.raises(Refused) as refused:
            fresh.run("invoice", "verify", *words)
        assert refused.value.code == 2, words


def test_a_document_that_is_not_there_is_refused(fresh):
    with pytest.raises(Refused, match="INV-2026-00001") as refused:
        fresh.run("invoice", "verify", "INV-2026-00001")
    assert refused.value.code == 1


def test_all_of_no_documents_hold(fresh):
    report = fresh.json("invoice", "verify", "--all")
    assert report == {"ok": True, "documents": 0, "finding_count": 0, "findings": []}
