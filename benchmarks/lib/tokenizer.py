"""Prints the tokenizer's speed beside tiktoken's: benchmarks/tokenizer runs it."""

import json
import pathlib
import subprocess
import sys
import sysconfig
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests/tokenizer"))
from make_cases import PROSE, encoding  # noqa: E402

ROUNDS = 7
BYTES = 1 << 20


def texts(folder):
    """A megabyte each of English prose, of Python, and of text without blanks."""
    library = pathlib.Path(sysconfig.get_paths()["stdlib"])
    code = "".join(path.read_text(errors="replace") for path in sorted(library.glob("*.py")))
    prose = "".join(line.strip(" #\"'") + "\n" for line in code.splitlines()
                    if line.count(" ") > 8 and line.lstrip()[:1].isalpha() and "=" not in line)
    ideographs = "".join(line for line in PROSE.splitlines(True) if ord(line[0]) > 0x3000)
    for name, text in [("prose", prose), ("code", code), ("ideographs", ideographs)]:
        data = (text * (BYTES // len(text.encode()) + 1)).encode()[:BYTES]
        path = pathlib.Path(folder) / name
        path.write_text(data.decode(errors="ignore"))
        yield path


def tiktoken_seconds(encoding, text):
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        count = len(encoding.encode_ordinary(text))
        best = min(best, time.perf_counter() - began)
    return best, count


def main():
    binary, vocabulary, *files = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(file) for file in files] or list(texts(folder))
        done = subprocess.run([binary, vocabulary, *paths], check=True, capture_output=True, text=True)
        print(f"{'vocabulary':12} {'text':12} {'MB/s':>8} {'tiktoken':>9} {'ratio':>7}")
        for line in map(json.loads, done.stdout.splitlines()):
            path = next(path for path in paths if path.name == line["text"])
            text = path.read_text()
            seconds, count = tiktoken_seconds(encoding(vocabulary, line["vocabulary"]), text)
            assert count == line["tokens"], f"{line} but tiktoken counts {count}"
            ours, theirs = (line["bytes"] / s / 1e6 for s in (line["seconds"], seconds))
            print(f"{line['vocabulary']:12} {line['text']:12} {ours:8.1f} {theirs:9.1f} {ours / theirs:7.1f}")


main()
