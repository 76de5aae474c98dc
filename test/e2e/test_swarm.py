#!/usr/bin/env python3
"""The swarm, which plays nodes for many tests and for the bench, held against real nodes and against single bytes."""
import struct
import time

from lib import *

CONNECT_ALL = "[receive {Ref, R} -> R end || Ref <- [begin S = self(), Ref = make_ref(), " \
              "spawn(fun() -> S ! {Ref, net_kernel:connect_node(N)} end), Ref end || N <- Names]]"


def connect_all(node, names, within=30.0):
    return node.eval(CONNECT_ALL, within, Names=names)


def pings(w):
    """Nodes as any others, to more than one dialler."""
    swarm = Swarm(w, 3)
    a, b = w.erls("a", "b")
    for node in (a, b):
        for name in swarm.names:
            assert node.eval("net_adm:ping(N)", N=name) == "pong"
        node.expect_nodes(*swarm.names)
        assert node.eval("rpc:call(N, erlang, node, [])", N=swarm.name(1)) == ("badrpc", "notsup")
    assert [swarm.state(i)["links"] for i in (1, 2, 3)] == [2, 2, 2]
    assert swarm.stats()["pings"] == 6
    assert a.eval("net_adm:names({127, 0, 1, 2})") == ("ok", [(list(b"sw2"), swarm.state(2)["port"])])
    b.kill().proc.expect_exit()
    w.until(lambda: swarm.stats()["links"] == 3, 5, "the swarm has seen b go")
    assert a.eval("net_adm:ping(N)", N=swarm.name(3)) == "pong"


def kill_and_revive(w):
    swarm = Swarm(w, 3)
    a = w.erl("a")
    connect_all(a, swarm.names)
    one, two, three = swarm.names
    swarm.command("kill 1")
    swarm.command("refuse 2")
    swarm.command("drop 3")
    for name in swarm.names:
        assert a.expect_event("nodedown", name)["nodedown_reason"] == "connection_closed"
    assert [a.eval("net_adm:ping(N)", N=name) for name in swarm.names] == ["pang", "pang", "pong"]
    assert [swarm.state(i)["state"] for i in (1, 2, 3)] == ["down", "refusing", "up"]
    assert a.eval("[net_adm:names({127, 0, 1, I}) || I <- [1, 2]]") == [
        ("ok", []), ("ok", [(list(b"sw2"), swarm.state(2)["port"])])]
    swarm.command("revive all")
    assert [a.eval("net_adm:ping(N)", N=name) for name in (one, two)] == ["pong", "pong"]
    a.expect_nodes(one, two, three)


def ticks(w):
    """Links outlive idle tick periods; a node that falls silent does not."""
    swarm = Swarm(w, 2)
    a = w.erl("a", ticktime=4)
    connect_all(a, swarm.names)
    w.until(lambda: swarm.stats()["ticks_out"] >= 12, 30, "six quarters of net_ticktime went by")
    a.expect_nodes(*swarm.names)
    assert not [e for e in a.events if e[0] == "nodedown"]
    swarm.command("silence 2")
    assert a.expect_event("nodedown", swarm.name(2), 15)["nodedown_reason"] == "net_tick_timeout"
    swarm.command("revive 2")
    assert a.eval("net_adm:ping(N)", N=swarm.name(2)) == "pong"


def wrong_cookie(w):
    swarm = Swarm(w, 1, cookie="another")
    a = w.erl("a")
    assert a.eval("net_kernel:connect_node(N)", N=swarm.name(1)) is False
    stats = swarm.stats()
    assert (stats["handshakes"], stats["failed"]) == (0, 1), stats


def silent_ones(w):
    """They take the connection and say nothing; the others are not held up."""
    swarm = Swarm(w, 20, "--silent-every", "4")
    a = w.erl("a", args=["-kernel", "net_setuptime", "2"])
    results = connect_all(a, swarm.names)
    assert results == [i % 4 != 0 for i in range(1, 21)], results
    assert swarm.stats()["linked"] == 15
    assert [swarm.state(i)["accepted"] > 0 for i in (4, 8)] == [True, True]


def many(w):
    swarm = Swarm(w, 300)
    a = w.erl("a")
    assert connect_all(a, swarm.names) == [True] * 300
    swarm.wait("min", 300)
    a.expect_nodes(*swarm.names)
    swarm.command("drop 1-299")
    a.expect_nodes(swarm.name(300))
    swarm.wait("max", 1)


def layout(w):
    """Several nodes per host; one EPMD answer names them all."""
    swarm = Swarm(w, 7, "--per-host", "3", "--dist-port", str(w.epmd_port + 1))
    names = Dialler("127.0.1.1", w.epmd_port).names()
    assert names == [(f"sw{i}", w.epmd_port + i) for i in (1, 2, 3)], names
    assert Dialler("127.0.1.3", w.epmd_port).names() == [("sw7", w.epmd_port + 1)]
    assert Dialler("127.0.1.2", w.epmd_port + 2).shake("x@127.0.0.1", w.cookie) == swarm.name(5, 3)


def plain_names(w):
    Swarm(w, 2, "--plain-names", basename="app")
    a = w.erl("a")
    assert connect_all(a, [Atom("app@127.0.1.1"), Atom("app@127.0.1.2")]) == [True, True]


def dial(swarm, number=1):
    return Dialler(swarm.address(number), swarm.state(number)["port"])


def same_name_twice(w):
    """The old link goes when the dialler says that it does not know of it."""
    swarm = Swarm(w, 1)
    old, new, shy = dial(swarm), dial(swarm), dial(swarm)
    assert old.shake("x@127.0.0.1", w.cookie) == swarm.name(1)
    assert new.send_name("x@127.0.0.1") == b"salive"
    assert shy.send_name("x@127.0.0.1") == b"salive"
    shy.send_message(b"sfalse")
    assert shy.read_to_end() == b""
    old.ping("x@127.0.0.1")
    new.send_message(b"strue")
    new.finish(w.cookie)
    assert old.read_to_end() == b""
    new.ping("x@127.0.0.1")
    assert swarm.state(1)["links"] == 1


def tick_rule(w):
    """A tick is answered only where nothing was sent in the last second."""
    link = dial(Swarm(w, 1))
    link.shake("x@127.0.0.1", w.cookie)
    begin, asked = time.monotonic(), 0
    link.socket.settimeout(0.1)
    while True:
        link.tick()
        asked += 1
        try:
            assert link.frame() == b""
            break
        except TimeoutError:
            pass
    assert time.monotonic() - begin > 0.9 and asked > 2, asked
    link.socket.settimeout(5)
    link.tick()
    link.ping("x@127.0.0.1")  # no tick before its answer


def own_ticks(w):
    """With --tick-s it ticks by itself where it said nothing for that long."""
    link = dial(Swarm(w, 1, "--tick-s", "1"))
    link.shake("x@127.0.0.1", w.cookie)
    assert [link.frame(), link.frame()] == [b"", b""]


def other_messages(w):
    """Read and forgotten, however long; in pieces, too."""
    link = dial(Swarm(w, 1))
    link.shake("x@127.0.0.1", w.cookie)
    link.send_frame((6, 1, 2, Atom("nobody")), "x")
    link.send_frame((255,))
    link.send_frame((2, Atom(""), 3), bytes(300000))
    link.send(struct.pack(">I", 3) + b"abc")
    for byte in struct.pack(">I", 5000) + bytes(5000):
        link.send(bytes([byte]))
    link.ping("x@127.0.0.1")


def rubbish(w):
    """What is no protocol is cut; the swarm lives."""
    swarm = Swarm(w, 2)
    port = swarm.state(1)["port"]
    for data in (b"\0\0", b"\xff\xff", b"\0\1y", b"GET / HTTP/1.0\r\n\r\n", b"\0\5Nabcd", b"\0\x12N" + bytes(17)):
        for target in (port, w.epmd_port):
            link = Dialler("127.0.1.1", target)
            link.send(data)
            assert link.read_to_end() == b"", data
    link = dial(swarm)
    assert link.send_name("x@127.0.0.1") == b"sok"
    link.message()
    link.send_message(struct.pack(">BI", 114, 1) + bytes(16))
    assert link.read_to_end() == b""
    epmd = Dialler("127.0.1.1", w.epmd_port)
    epmd.send_message(b"zsw2")  # it lives on another host
    assert epmd.read_to_end() == b"\x77\1"
    dial(swarm).shake("x@127.0.0.1", w.cookie)


def delay_and_drop(w):
    swarm = Swarm(w, 1, "--delay-ms", "150", "--drop-after", "400")
    begin = time.monotonic()
    port = swarm.state(1)["port"]
    assert Dialler("127.0.1.1", w.epmd_port).names() == [("sw1", port)]
    link = dial(swarm)
    link.shake("x@127.0.0.1", w.cookie)
    assert time.monotonic() - begin >= 0.44  # EPMD, status with challenge, acknowledgement
    begin = time.monotonic()
    link.read_to_end()
    assert 0.2 <= time.monotonic() - begin <= 5
    swarm.wait("max", 0)


def commands(w):
    swarm = Swarm(w, 2)
    for bad in ("kill 3", "kill x", "kill 2-1", "nonsense", "wait soon", "x" * 300):
        try:
            swarm.command(bad)
        except Failed as e:
            assert "error" in str(e), e
        else:
            raise Failed(f"{bad}: accepted")
    link = dial(swarm)
    link.shake("x@127.0.0.1", w.cookie)
    swarm.command("reset")
    stats = swarm.stats()
    assert (stats["handshakes"], stats["links"], stats["last_handshake_ns"]) == (0, 1, 0), stats
    try:
        swarm.command("wait min 2 50")
    except Failed as e:
        assert "timeout linked=1" in str(e), e
    else:
        raise Failed("nothing to wait for, and it came")
    link.close()
    swarm.wait("max", 0)
    swarm.proc.kill(15).expect_exit(5, 0)


main(pings, kill_and_revive, ticks, wrong_cookie, silent_ones, many, layout, plain_names, same_name_twice, tick_rule,
     own_ticks, other_messages, rubbish, delay_and_drop, commands)
