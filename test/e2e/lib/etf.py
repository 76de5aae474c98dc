"""External term format, both ways. Atoms become Atom (a str), charlists lists of numbers, binaries bytes;
pids, references, ports and funs stay opaque bytes that can be sent back."""
import struct


class Atom(str):
    def __repr__(self):
        return f"'{str(self)}'"


class Opaque:
    """A pid, reference, port or fun: its bytes, and its node where it has one."""

    def __init__(self, kind, raw, node=None):
        self.kind, self.raw, self.node = kind, raw, node

    def __eq__(self, other):
        return isinstance(other, Opaque) and self.raw == other.raw

    def __hash__(self):
        return hash(self.raw)

    def __repr__(self):
        return f"<{self.kind} {self.node} {self.raw[-12:].hex()}>"


def freeze(term):
    """A term as a hashable value, for keys of maps."""
    if isinstance(term, list):
        return tuple(freeze(t) for t in term)
    if isinstance(term, dict):
        return tuple((freeze(k), freeze(v)) for k, v in term.items())
    return term


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n > len(self.data) - self.at:
            raise ValueError("term is cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def num(self, fmt):
        return struct.unpack(">" + fmt, self.take(struct.calcsize(fmt)))[0]

    def term(self):
        tag = self.num("B")
        read = getattr(self, f"t{tag}", None)
        if read is None:
            raise ValueError(f"tag {tag} is not known")
        return read()

    def terms(self, n):
        return [self.term() for _ in range(n)]

    def text(self, fmt, charset):
        name = self.take(self.num(fmt)).decode(charset)
        return {"true": True, "false": False}.get(name, Atom(name))

    def t100(self): return self.text("H", "latin1")
    def t115(self): return self.text("B", "latin1")
    def t118(self): return self.text("H", "utf8")
    def t119(self): return self.text("B", "utf8")
    def t97(self): return self.num("B")
    def t98(self): return self.num("i")
    def t70(self): return self.num("d")
    def t104(self): return tuple(self.terms(self.num("B")))
    def t105(self): return tuple(self.terms(self.num("I")))
    def t106(self): return []
    def t107(self): return list(self.take(self.num("H")))
    def t109(self): return self.take(self.num("I"))
    def t110(self): return self.big(self.num("B"))
    def t111(self): return self.big(self.num("I"))

    def big(self, n):
        sign = self.num("B")
        value = int.from_bytes(self.take(n), "little")
        return -value if sign else value

    def t108(self):
        items = self.terms(self.num("I"))
        tail = self.term()
        return items if tail == [] else items + [Atom("|"), tail]

    def t116(self):
        return {freeze(k): v for k, v in (self.terms(2) for _ in range(self.num("I")))}

    def opaque(self, kind, after):
        begin = self.at - 1
        node = self.term() if after is not None else None
        self.take(after(self) if callable(after) else after)
        return Opaque(kind, self.data[begin:self.at], node)

    def t88(self): return self.opaque("pid", 12)
    def t103(self): return self.opaque("pid", 9)
    def t89(self): return self.opaque("port", 8)
    def t102(self): return self.opaque("port", 5)
    def t120(self): return self.opaque("port", 12)

    def t90(self): return self.reference(4)
    def t114(self): return self.reference(1)

    def reference(self, creation):
        begin = self.at - 1
        words = self.num("H")
        node = self.term()
        self.take(creation + 4 * words)
        return Opaque("ref", self.data[begin:self.at], node)

    def t112(self):
        begin = self.at - 1
        self.take(self.num("I") - 4)
        return Opaque("fun", self.data[begin:self.at])

    def t113(self):
        begin = self.at - 1
        self.terms(3)
        return Opaque("fun", self.data[begin:self.at])


def decode(data):
    reader = Reader(data)
    if reader.num("B") != 131:
        raise ValueError("no version byte")
    term = reader.term()
    if reader.at != len(data):
        raise ValueError(f"{len(data) - reader.at} bytes after the term")
    return term


def put(term):
    if isinstance(term, bool):
        return put(Atom("true" if term else "false"))
    if isinstance(term, Atom):
        raw = term.encode()
        return struct.pack(">BH", 118, len(raw)) + raw
    if isinstance(term, str):
        return put([ord(c) for c in term])
    if isinstance(term, int):
        if -2**31 <= term < 2**31:
            return struct.pack(">Bi", 98, term)
        raw = abs(term).to_bytes((term.bit_length() + 7) // 8, "little")
        return struct.pack(">BBB", 110, len(raw), term < 0) + raw
    if isinstance(term, float):
        return struct.pack(">Bd", 70, term)
    if isinstance(term, (bytes, bytearray)):
        return struct.pack(">BI", 109, len(term)) + bytes(term)
    if isinstance(term, tuple):
        return struct.pack(">BI", 105, len(term)) + b"".join(map(put, term))
    if isinstance(term, (list, set, frozenset)):
        if not term:
            return b"\x6a"
        return struct.pack(">BI", 108, len(term)) + b"".join(map(put, term)) + b"\x6a"
    if isinstance(term, dict):
        return struct.pack(">BI", 116, len(term)) + b"".join(put(k) + put(v) for k, v in term.items())
    if isinstance(term, Opaque):
        return term.raw
    raise TypeError(f"no term: {term!r}")


def encode(term):
    """str becomes a charlist, Atom an atom, True and False atoms."""
    return b"\x83" + put(term)
