"""Fakes for what no real node does: a name in EPMD behind which is nothing, or something silent."""
import socket
import struct


class EpmdEntry:
    """Registers a name with a real epmd for a port of our choosing; the name stays until close()."""

    def __init__(self, world, name, port, kind=77, at=None):
        world.ensure_epmd(at)
        body = struct.pack(">BHBBHHH", 120, port, kind, 0, 6, 5, len(name)) + name.encode() + b"\0\0"

        def connect():
            return socket.create_connection(("127.0.0.1", world.epmd_port), 5)
        self.socket = at.inside(connect) if at else connect()
        self.socket.sendall(struct.pack(">H", len(body)) + body)
        reply = self.socket.recv(16)
        assert reply[1] == 0, f"epmd refused {name}: {reply!r}"
        world.closers.append(self.close)

    def close(self):
        self.socket.close()


def silent_port(world, address="127.0.0.1", port=0, at=None):
    """The port of a socket that takes connections (its backlog does) and never says a word."""
    def listen():
        return socket.create_server((at.address if at else address, port), backlog=100)
    listener = at.inside(listen) if at else listen()
    world.closers.append(listener.close)
    return listener.getsockname()[1]


def dead_port(world, address="127.0.0.1"):
    """A port where nobody listens: bound, so that nobody else gets it, and not listening."""
    holder = socket.socket()
    holder.bind((address, 0))
    world.closers.append(holder.close)
    return holder.getsockname()[1]
