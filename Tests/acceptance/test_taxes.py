"""How accounts are taxed, and from when on."""

import pytest

from harness import Refused

RULE = ("tax", "set", "acme", "--rate", "19", "--from", "2026-07-01")


def test_a_rule_of_tax_holds_from_the_date_that_it_is_given(fresh):
    fresh.run("account", "create", "acme")
    rule = fresh.json(*RULE)
    assert (rule["rate"], rule["from"]) == ("19", "2026-07-01T00:00:00Z")
    assert fresh.json(*RULE) == rule
    # Without a date it holds from now on.
    later = fresh.json("tax", "set", "acme", "--rate", "16")
    assert later["from"] > rule["from"]
    assert fresh.json("tax", "list") == [later]


def test_a_rule_of_tax_that_is_not_understood_changes_nothing(fresh):
    fresh.run("account", "create", "acme")
    for words in (("--rate", "19", "--from", "July"), ("--rate", "101"), ("--category", "X")):
        with pytest.raises(Refused) as refused:
            fresh.run("tax", "set", "acme", *words)
        assert refused.value.code == 2, words
    assert fresh.json("tax", "list") == []
