"""Writes strings and their token counts by tiktoken, for Farebox's tokenizer to be held against.

    make_cases.py VOCABULARY-FOLDER OUTPUT COUNT [SEED]

A case is the length of its text, its UTF-8, and its counts with cl100k_base and with o200k_base;
numbers are 32 bits, little-endian.
"""

import base64
import os
import random
import struct
import sys
import sysconfig
from pathlib import Path

import tiktoken
import tiktoken_ext.openai_public as published

PROSE = """
The quick brown fox doesn't jump; it'll wait, they've said. I'M SURE YOU'RE RIGHT, HE'S HERE.
Don't panic: 3.14159, 1,000,000 and 2026-11-25T02:52:19Z are numbers. “Quotes” — dashes… naïve café.
Die Straße war naß; ÄÖÜ und Fußgängerübergänge. L'été, c'est déjà fini, n'est-ce pas ? Œuvre.
El niño comió piñatas mañana. Größe İstanbul'da ığdır ışık. Příliš žluťoučký kůň úpěl ďábelské ódy.
Съешь же ещё этих мягких французских булок, да выпей чаю. Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.
זה כיף סתם לשמוע איך תנצח קרפד עץ טוב בגן. صِف خَلقَ خَودِ كَمِثلِ الشَمسِ إِذ بَزَغَت.
ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश करने वाले विष्णुवतार भगवान श्रीराम।
เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน. காற்றில் பறக்கும் தமிழ் எழுத்துக்கள்.
色は匂へど散りぬるを我が世誰ぞ常ならむ。カタカナとﾊﾝｶｸ。키스의 고유조건은 입술끼리 만나야 하고. 天地玄黃，宇宙洪荒。
我能吞下玻璃而不伤身体。这是一个测试，看看分词器是否正确。ጌታ ያከብረኝ ዘንድ። ქართული ენა. Հայերեն լեզու.
ၸႂ်ႈၵႂၢမ်းတႆး မြန်မာဘာသာ ភាសាខ្មែរ ພາສາລາວ བོད་སྐད་ ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ ⴰⵎⴰⵣⵉⵖ 𐌲𐌿𐍄𐌰 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ꜱᴍᴀʟʟ ᴄᴀᴘꜱ
"""
EMOJI = (
    "😀 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇯🇵 ❤️ ☺︎ 👨🏿‍🚀 🧑‍🤝‍🧑 1️⃣ #️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ♀ ✍🏻 🫱🏼‍🫲🏾"
).split()
CONTRACTIONS = "'s 'S 't 'T 're 'RE 'Re 've 'VE 'm 'M 'll 'LL 'lL 'd 'D 'ſ ’s ''s 'sx 'l 'r 'v '".split()
CODE_MARKS = "{ } ( ) [ ] ; : :: -> => == != <= // /* */ /// ## <|endoftext|> <|im_start|> \\n \\\\ & @ $ %".split()
SPACES = " \t\n\r\v\f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000\u200b\ufeff"
# A letter without a case, a title case letter, marks, numbers that are no digits, specials.
ODD = "ªºʰǅᾈ\u0301\u0308\u20dd\u0e31\u093e²½Ⅷ४٣㊿\u0000\u0007\u00ad\u200d\ufffd\ufffe\U0010fffd\u0295ſK"


def characters():
    """A character of any kind, each plane and script about as likely as its size, small ones more."""
    kind = random.random()
    if kind < 0.3:
        return chr(random.randrange(0x20, 0x7F))
    if kind < 0.6:
        return chr(random.randrange(0x80, 0x3000))
    if kind < 0.8:
        code = random.randrange(0x3000, 0x10000)
        return chr(code if not 0xD800 <= code < 0xE000 else 0xFFFD)
    if kind < 0.95:
        return chr(random.randrange(0x10000, 0x20000))
    return chr(random.randrange(0x20000, 0x110000))


def code_lines():
    lines = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[:80]:
        lines += path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    return lines


WORDS = PROSE.split()
LINES = PROSE.strip().splitlines(keepends=True)
CODE = code_lines()


def word():
    return random.choice(WORDS)


def cased():
    return random.choice([str.upper, str.lower, str.title, str.swapcase, str.capitalize])(word())


KINDS = [
    lambda: random.choice(LINES),
    lambda: "".join(random.choice(CODE) for _ in range(random.randrange(1, 5))),
    lambda: " ".join(word() for _ in range(random.randrange(1, 20))),
    lambda: "".join(cased() for _ in range(random.randrange(1, 8))),
    lambda: "".join(word() + random.choice(CONTRACTIONS) + random.choice(["", " ", word()]) for _ in range(4)),
    lambda: "".join(random.choice(EMOJI) + random.choice(["", " ", "\n"]) for _ in range(random.randrange(1, 8))),
    lambda: "".join(random.choice(SPACES) for _ in range(random.randrange(1, 12))),
    lambda: "".join(random.choice(SPACES) * random.randrange(1, 9) + random.choice(["", word(), "!"]) for _ in range(4)),
    lambda: "".join(random.choice("0123456789²½٣४") for _ in range(random.randrange(1, 15))),
    lambda: "".join(random.choice(CODE_MARKS) + random.choice(["", " ", "\n", "\r\n", "x"]) for _ in range(9)),
    lambda: "".join(characters() for _ in range(random.randrange(1, 25))),
    lambda: "".join(random.choice(ODD) + random.choice(["", "A", "a", "B", " ", "\n"]) for _ in range(8)),
    lambda: random.choice(["a", "A", " ", "\n", "中", "!", "0", "é", "\u0301", "ñA", "ab", "=", "-", "/"]) * random.randrange(1, 60),
    lambda: "".join(random.choice("abcdefghijklmnopqrstuvwxyzABCDE") for _ in range(random.randrange(1, 60))),
    lambda: base64.b64encode(random.randbytes(random.randrange(1, 60))).decode(),
    lambda: random.randbytes(random.randrange(1, 40)).decode("utf-8", errors="replace"),
]
RARE = [
    lambda: random.choice(["a", "A", " ", "\n", "中", "!", "ab", "\u0301"]) * random.randrange(60, 3000),
    lambda: "".join(random.choice("abcdefghij") for _ in range(random.randrange(60, 3000))),
    lambda: "".join(random.choice(CODE) for _ in range(200)),
]


def case():
    if random.random() < 0.001:
        return random.choice(RARE)()
    return "".join(random.choice(KINDS)() for _ in range(random.choice([1, 1, 1, 2, 3])))


def encoding(folder, name):
    """tiktoken's own definition of an encoding, with its vocabulary from the folder."""
    def load(url, expected_hash):
        lines = (Path(folder) / url.rsplit("/", 1)[1]).read_bytes().splitlines()
        return {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, lines)}

    published.load_tiktoken_bpe = load
    return tiktoken.Encoding(**getattr(published, name)())


def main():
    folder, output, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
    print(f"{count} cases, seed {seed}")
    random.seed(seed)
    encodings = [encoding(folder, "cl100k_base"), encoding(folder, "o200k_base")]
    with open(output + ".new", "wb") as file:
        while count > 0:
            texts = [case() for _ in range(min(count, 20_000))]
            count -= len(texts)
            counts = zip(*([len(tokens) for tokens in encoding.encode_ordinary_batch(texts)] for encoding in encodings))
            for text, (cl100k, o200k) in zip(texts, counts):
                data = text.encode()
                file.write(struct.pack("<I", len(data)) + data + struct.pack("<II", cl100k, o200k))
    os.replace(output + ".new", output)


if __name__ == "__main__":
    main()
