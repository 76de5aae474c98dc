#!/usr/bin/env python3
"""TLS with nodes of -proto_dist inet_tls: who is kept out, and with which reason, on both sides; files renewed under way.
The release's ssl_dist_optfile is read as it is."""
from lib import *
from lib.ca import Ca, dist_args, optfile

HERE = "127.0.0.1"
QUICK = "#{min_ms => 100, max_ms => 500}"


class Tls:
    """An authority, and nodes with certificates of it."""

    def __init__(self, w):
        self.world, self.ca = w, Ca(w)

    def erl(self, short, cert=None, version=None, **how):
        cert = cert or self.ca.issue(short, HERE)
        return self.world.erl(short, args=dist_args(optfile(self.world, cert, version, short)), **how)

    def gc(self, owner, more="", cert=None, **options):
        file = optfile(self.world, cert or self.ca.issue("gc", HERE), name="gc")
        return GenCluster(self.world, owner, tls=f'[{{optfile, "{file}"}}{more}]', **options)


def tls(what):
    return (Atom("tls"), Atom(what))


def detail_of(gc, node, what, stage="tls"):
    return gc.expect_peer(node, reason=tls(what), stage=stage)["last_error"]["detail"].decode()


def dialled(w):
    """Whom gen_cluster dials, and what it says of them."""
    t, stranger = Tls(w), Ca(w, "stranger")
    strange = stranger.issue("strange", HERE)
    strange.cacert = t.ca.cacert
    gone = t.ca.issue("gone", HERE)
    t.ca.revoke(gone)
    a, good = t.erl("a"), t.erl("good")
    others = {"late": t.ca.issue("late", HERE, expired=True), "wrong": t.ca.issue("wrong", "elsewhere.example"),
              "strange": strange, "gone": gone}
    nodes = {name: t.erl(name, cert) for name, cert in others.items()}
    nodes["new"] = t.erl("new", version="1.3")
    nodes["plain"] = w.erl("plain")
    gc = t.gc(a, f", {{versions, ['tlsv1.2']}}, {{crlfile, \"{t.ca.crl()}\"}}", connect_timeout_ms=2000,
              discovery=f"{{static, {atoms([good, *nodes.values()])}}}")
    gc.expect_peer(good, state="member")
    for name, reason, words in (("late", "certificate_expired", "CN=late: certificate has expired"),
                                ("wrong", "hostname_mismatch", "CN=wrong: not for 127.0.0.1"),
                                ("strange", "unknown_ca", "CN=strange: unable to get local issuer certificate"),
                                ("gone", "certificate_revoked", "CN=gone: certificate revoked"),
                                ("new", "protocol_version", "alert: protocol version; our certificate: CN=gc")):
        assert words in detail_of(gc, nodes[name], reason), gc.peers()
        gc.expect_log(f"dial: {name}@.*tls: tls_{reason}")
    info = gc.expect_peer(nodes["plain"], stage="tls")
    assert b"does it speak TLS?" in info["last_error"]["detail"], info
    a.expect_nodes(good)


def dialling(w):
    """Who dials gen_cluster."""
    t, stranger = Tls(w), Ca(w, "stranger")
    strange = stranger.issue("strange", HERE)
    strange.cacert = t.ca.cacert
    gone, bare = t.ca.issue("gone", HERE), t.ca.issue("bare", HERE)
    t.ca.revoke(gone)
    a = t.erl("a")
    gc = t.gc(a, f", {{crlfile, \"{t.ca.crl()}\"}}")
    without = w.write("ssl-bare.config", f'[{{server, [{{certfile, "{bare.cert}"}}, {{keyfile, "{bare.key}"}}]}},'
                                         f' {{client, [{{cacertfile, "{t.ca.cacert}"}}, {{verify, verify_peer}}]}}].\n')
    nodes = [(t.erl("late", t.ca.issue("late", HERE, expired=True)), r"tls_certificate_expired.*CN=late: certificate has"),
             (t.erl("strange", strange), "tls_unknown_ca.*CN=strange"),
             (t.erl("gone", gone, version="1.3"), "tls_certificate_revoked.*CN=gone: certificate revoked"),
             (w.erl("bare", args=dist_args(without)), "tls_certificate_required.*it shows no certificate"),
             (w.erl("plain"), "tls_not_tls.*it speaks Erlang distribution over plain TCP")]
    for node, line in nodes:
        assert node.eval("net_adm:ping(N)", N=gc.cnode) == "pang"
        gc.expect_log(f"accept: connection from 127.0.0.1 cut: {line}")
    assert t.erl("good").eval("net_adm:ping(N)", N=gc.cnode) == "pong"


def plain_among_tls(w):
    """Without the option, in a cluster that has TLS: it says so."""
    t = Tls(w)
    a, b = w.erl("a"), t.erl("b")
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}", connect_timeout_ms=1500)
    gc.expect_peer(b, reason=tls("peer_is_tls"), stage="tls")
    assert b.eval("net_adm:ping(N)", N=gc.cnode) == "pang"
    gc.expect_log("accept: connection from 127.0.0.1 cut: tls_peer_is_tls")


def renewed(w):
    """Certificates that run out are renewed in place: nobody is restarted, links stay."""
    t = Tls(w)
    a, b = t.erl("a"), t.erl("b")
    mine = t.ca.issue("gc", HERE, expired=True)
    gc = t.gc(a, cert=mine, discovery=f"{{static, {atoms([b])}}}", reconnect=QUICK)
    gc.expect_log("our certificate CN=gc has expired")
    gc.expect_log(f"{b.name}: tls: tls_certificate_expired.*alert: certificate expired; our certificate: CN=gc")
    t.ca.issue("gc", HERE, renew=True)
    gc.expect_log("owner: connected to a@")
    gc.expect_peer(b, state="member")
    a.expect_nodes(b)
    w.write("ca-ca/gc.pem", "half a file")
    c = t.erl("c")
    w.until(lambda: c.eval("erlang:disconnect_node(N), net_adm:ping(N)", N=gc.cnode) == "pong"
            and gc.proc.find("the old files stay in use: tls: server: .*gc.pem"), 10, "the bad file is seen")
    gc.reload(discovery=f"{{static, {atoms([b, c])}}}")
    gc.expect_log("reload.*gc.pem")
    a.expect_nodes(b)


def refused_options(w):
    """What would let in whom the release keeps out."""
    t = Tls(w)
    cert = t.ca.issue("gc", HERE)
    for text, words in (('{server, [{verify_fun, {fun inet_tls_dist:verify_client/3, []}}]}', "verify_fun"),
                        ('{server, [{certfile, "C"}, {verify, maybe}]}', "server: verify: maybe: must be verify_peer"),
                        ('{server, [{certfile, "C"}, {crl_check, true}]}, {client, [{verify, verify_none}]}', "crl_check"),
                        ('{server, [{certfle, "C"}]}', "certfle: unknown option (did you mean certfile?)"),
                        ('{server, [{sni_hosts, []}, {certfile, "C"}]}', "sni_hosts: not supported"),
                        ('{server, [{certfile, "C"}]}, {client, []}', "client: verify_peer needs a cacertfile"),
                        ('{client, [{verify, verify_none}]}', "server: a server needs a certfile")):
        path = w.write("ssl-bad.config", f"[{text}].\n".replace("C", cert.cert))
        gc = GenCluster(w, name="bad", tls=f'[{{optfile, "{path}"}}]', start=False).start()
        gc.proc.expect_exit(10, 78)
        line = gc.proc.expect_line("gen_cluster: ").string
        assert words in line, (words, line)
        w.leavers.remove(gc.leave_at_end)


main(dialled, dialling, plain_among_tls, renewed, refused_options)
