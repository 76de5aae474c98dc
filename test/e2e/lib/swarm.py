"""Swarm: N visible nodes played by one process (test/support/swarm.c). Dialler: a node of ours that dials one
of them, byte by byte, for what no real node can be made to do."""
import hashlib
import os
import socket
import struct

from . import etf
from .loop import SLOW, Failed, Skip
from .proc import Proc
from .world import BUILDDIR, need_program

FLAGS_HIDDEN = 0xC075F5FBC


class Swarm:
    """Its EPMD ports are those of the world, so the world's own epmd is kept to 127.0.0.1: make the swarm first."""

    def __init__(self, world, nodes, *args, cookie=None, basename="sw"):
        self.world, self.count, self.basename = world, nodes, basename
        path = os.path.join(BUILDDIR, "test", "support", "swarm")
        if not os.path.exists(path):
            raise Skip(f"{path} is not built")
        self.local_epmd()
        self.proc = Proc(world, "swarm", [
            path, "--nodes", str(nodes), "--basename", basename, "--epmd-port", str(world.epmd_port), "--cookie-file",
            os.path.join(world.home("swarm", cookie), ".erlang.cookie"), *args], stdin=True)
        self.proc.expect_line(r"^ready epmd-port=")
        world.leavers.append(self.leave)

    def local_epmd(self):
        if "epmd" in self.world.epmd_procs:
            raise Failed("the world has an epmd on all addresses already")
        proc = Proc(self.world, "epmd", [need_program("epmd", "erlang-base"), "-d", "-address", "127.0.0.1",
                                         "-port", str(self.world.epmd_port)])
        proc.expect_line(r"epmd running")
        self.world.epmd_procs["epmd"] = proc

    @staticmethod
    def address(number, per_host=1):
        host = (number - 1) // per_host
        return f"127.0.{1 + host // 250}.{1 + host % 250}"

    def name(self, number, per_host=1):
        return etf.Atom(f"{self.basename}{number}@{self.address(number, per_host)}")

    @property
    def names(self):
        return [self.name(i) for i in range(1, self.count + 1)]

    def command(self, text, within=10.0):
        """Sends a command; gives the match of its answer (1: what follows "ok COMMAND")."""
        seen = len(self.proc.lines)
        os.write(self.proc.popen.stdin.fileno(), text.encode() + b"\n")
        answer = self.proc.expect_line(r"^(?:ok|error) ?(.*)", within, seen)
        if answer.group(0).startswith("error"):
            raise Failed(f"swarm: {text}: {answer.group(0)}")
        return answer.group(1)

    def stats(self):
        return {k: int(v) for k, v in (word.split("=") for word in self.command("stats").split()[1:])}

    def state(self, number):
        """Of one node: name, state, port, links, accepted, handshakes."""
        seen = len(self.proc.lines)
        self.command(f"state {number}")
        words = self.proc.find(rf"^node {number} (.*)", seen).group(1).split()
        return dict(name=words[0], state=words[1], **{k: int(v) for k, v in zip(words[2::2], words[3::2])})

    def wait(self, which, count, within=10.0):
        """Until at least (min) or at most (max) count nodes have a link."""
        self.command(f"wait {which} {count} {int(within * SLOW * 1000)}", within + 5)

    def leave(self):
        if self.proc.alive:
            self.proc.popen.stdin.close()
            self.proc.expect_exit(5, 0)


class Dialler:
    """One blocking connection, each read with a deadline."""

    def __init__(self, address, port, within=5.0):
        self.socket = socket.create_connection((address, port), within * SLOW)
        self.left = b""

    def send(self, data):
        self.socket.sendall(data)

    def read(self, n):
        while len(self.left) < n:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(f"closed with {len(self.left)} of {n} bytes read")
            self.left += data
        data, self.left = self.left[:n], self.left[n:]
        return data

    def read_to_end(self):
        try:
            while data := self.socket.recv(65536):
                self.left += data
        except ConnectionResetError:
            pass
        return self.left

    # ---- EPMD, handshake ----
    def message(self):
        return self.read(struct.unpack(">H", self.read(2))[0])

    def send_message(self, data):
        self.send(struct.pack(">H", len(data)) + data)

    def names(self):
        """Of an EPMD: its NAMES answer as [(name, port)]."""
        self.send_message(b"n")
        lines = self.read_to_end()[4:].decode().splitlines()
        return [(words[1], int(words[4])) for words in map(str.split, lines)]

    def send_name(self, name, flags=FLAGS_HIDDEN):
        self.send_message(struct.pack(">BQIH", 78, flags, 4711, len(name)) + name.encode())
        return self.message()

    def finish(self, cookie, challenge=77):
        """From their challenge to their acknowledgement; gives their name."""
        theirs = self.message()
        tag, _flags, number, _creation, name_len = struct.unpack(">BQIIH", theirs[:19])
        assert tag == 78 and len(theirs) == 19 + name_len, theirs
        digest = hashlib.md5(f"{cookie}{number}".encode()).digest()
        self.send_message(struct.pack(">BI", 114, challenge) + digest)
        ack = self.message()
        assert ack == b"a" + hashlib.md5(f"{cookie}{challenge}".encode()).digest(), ack
        return theirs[19:].decode()

    def shake(self, name, cookie):
        assert self.send_name(name) == b"sok"
        return self.finish(cookie)

    # ---- frames ----
    def tick(self):
        self.send(bytes(4))

    def send_frame(self, *terms):
        data = b"p" + b"".join(etf.encode(t) for t in terms)
        self.send(struct.pack(">I", len(data)) + data)

    def frame(self):
        return self.read(struct.unpack(">I", self.read(4))[0])

    def ping(self, name):
        """net_adm:ping's question from a pid of name; gives the answer's {Tag, yes}."""
        node = etf.put(etf.Atom(name))
        pid = etf.Opaque("pid", b"X" + node + struct.pack(">III", 1, 0, 4711))
        ref = etf.Opaque("ref", struct.pack(">BH", 90, 1) + node + struct.pack(">II", 4711, 9))
        call = (etf.Atom("$gen_call"), (pid, ref), (etf.Atom("is_auth"), etf.Atom(name)))
        self.send_frame((6, pid, etf.Atom(""), etf.Atom("net_kernel")), call)
        frame = self.frame()
        reader = etf.Reader(frame[2:])
        assert frame[:2] == b"p\x83" and reader.term() == (2, "", pid), frame
        assert etf.decode(reader.data[reader.at:]) == (ref, "yes"), frame

    def close(self):
        self.socket.close()
