"""Documents are taken away by `farebox invoice export`, or refused for a reason."""

import pytest

from harness import Refused


def test_a_format_must_be_named_and_known(fresh):
    for options in ([], ["--format", "docx"], ["--format", "pdf", "--calls"]):
        with pytest.raises(Refused) as refused:
            fresh.run("invoice", "export", "INV-2026-00001", *options)
        assert refused.value.code == 2, options


def test_a_document_that_is_not_there_leaves_no_file(fresh, tmp_path):
    kept = tmp_path / "kept.json"
    kept.write_text("before")
    for options in (["--format", "json"], ["--format", "csv", "--calls"]):
        with pytest.raises(Refused, match="INV-2026-00001") as refused:
            fresh.run(
                "invoice", "export", "INV-2026-00001", *options, "--output", kept)
        assert refused.value.code == 1
    assert [path.name for path in tmp_path.iterdir() if "kept" in path.name] == ["kept.json"]
    assert kept.read_text() == "before"


def test_a_file_that_cannot_be_written_is_refused(fresh, tmp_path):
    with pytest.raises(Refused, match="cannot be written"):
        fresh.run(
            "invoice", "export", "INV-2026-00001", "--format", "json",
            "--output", tmp_path / "no such folder" / "file")
