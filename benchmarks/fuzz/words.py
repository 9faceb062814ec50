"""Strange words, numbers and paths that users and strangers may type."""

import random

NUMBERS = (
    "-1", "0", "1", "2", "00007", "+3", "1_0", "0x10", "1e3", "1e-3", "1e999", "-1e999", "nan",
    "inf", "-inf", "2.5", ".5", "5.", "1,5", "1/2", "--", "-", "99999999999999999999",
    "-99999999999999999999", str(2**31), str(2**63), str(2**64), "9" * 5000, "-" + "9" * 5000,
    "0." + "0" * 400 + "1", "1" + "0" * 308, "1e308", "5e-324", "\N{FULLWIDTH DIGIT ONE}",
    "\N{ARABIC-INDIC DIGIT FIVE}", "\N{SUPERSCRIPT TWO}", "\N{VULGAR FRACTION ONE HALF}", "", " ",
    " 7", "7 ", "7\n", "True", "None", "null",
)  # fmt: skip
RANGES = (
    "0-", "-0", "3-1", "0-99999999999", "0-999999", "1,,2", ",", "0,0,0", "1-2-3", "0:1", "0:nan",
    "0:inf", "0:-1", "0:0", "1:1e999", "0:1,1:-1", "a-b", "0-0", "0:" + "9" * 5000,
    "9" * 5000 + "-" + "9" * 5001, ",".join("0" for _ in range(5000)), "0;1", "0 1", "*",
)  # fmt: skip
TEXTS = (
    "", " ", ".", "..", "/", "//", "~", "*", "?", "%", "%00", "%s%s%n", "{0}", "{__class__}",
    "${HOME}", "`id`", "$(id)", ";", "'", '"', "\\", "\t", "a\nb", "a\rb", "a\x1b[31mb", "\x7f",
    "\N{RIGHT-TO-LEFT OVERRIDE}txt", "e\N{COMBINING ACUTE ACCENT}", "\N{ZERO WIDTH SPACE}",
    "\N{GRINNING FACE}" * 40, "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](y)",
    "../../etc/passwd", "/etc/passwd", "/proc/self/mem", "/dev/zero", "/dev/stdin", "file:///etc",
    "http://127.0.0.1/", "C:\\x", "x" * 300, "x" * 5000, "a/" * 3000, "relu1b", "relu5b", "logits",
    "sketchnet", "sketchnet:", ":", "sketchnet:birds", "resnet18", "resnet18:x:y", "timm/x",
    "cat", "swirls", "sketchworld:5", "sketchworld:-1", "sketchworld:" + "9" * 5000,
    "sketchworld:0", "torchvision:CIFAR10", "torchvision:", "torchvision:os.system", "relu1b:2",
    "relu1b:nan", "relu1b:", ":1", "relu1b,relu1b", "relu1b,", "relu9z", "RELU1B", "x; DROP",
    "0" * 32, "f" * 64, "__import__", "__class__", "None", "-h", "--help", "--out", "-1",
    "\udcff", "\udc80\udcfe", "\ud800",
)  # fmt: skip


def number(source: random.Random) -> str:
    """Return a number as somebody might type it, mostly a bad one."""
    if source.random() < 0.2:
        return str(source.choice((source.randint(-10, 300), round(source.uniform(-2, 6), 3))))
    return source.choice(NUMBERS)


def text(source: random.Random) -> str:
    """Return a word as somebody might type it: a known name, a strange one, or random letters."""
    chance = source.random()
    if chance < 0.7:
        return source.choice(TEXTS)
    if chance < 0.8:
        return source.choice(RANGES)
    if chance < 0.9:
        return number(source)
    length = source.choice((1, 3, 30, 260, 4000))
    return "".join(chr(source.choice((source.randint(1, 127), source.randint(128, 0xD7FF))))
                   for _ in range(length))  # fmt: skip


def word(source: random.Random) -> str:
    """Return a number, a range or a text."""
    return source.choice((number, lambda it: it.choice(RANGES), text))(source)


def spoilt(source: random.Random, content: bytes) -> bytes:
    """Return bytes with one to some damages: flipped, cut, repeated, removed or overwritten."""
    data = bytearray(content)
    for _ in range(source.choice((1, 1, 2, 5, 20))):
        if not data:
            break
        # Headers are short, and most of what can go wrong is in them.
        at = source.randrange(min(len(data), source.choice((16, 64, 512, len(data)))))
        length = source.choice((1, 1, 2, 4, 8, 64))
        kind = source.randrange(6)
        if kind == 0:
            data[at] ^= 1 << source.randrange(8)
        elif kind == 1:
            data[at : at + length] = source.randbytes(length)
        elif kind == 2:
            data[at : at + length] = source.choice((b"\0", b"\xff")) * length
        elif kind == 3:
            del data[at : at + length]
        elif kind == 4:
            data[at:at] = data[at : at + length]
        else:
            del data[max(1, source.randrange(len(data))) :]
    return bytes(data)
