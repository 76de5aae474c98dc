"""A certificate authority of a test's own, made with the openssl program: certificates that are good, expired, for
another host, of a stranger, or revoked, and the ssl_dist_optfile of a release that uses them. All keys are P-256,
which takes milliseconds."""
import os
import re
import subprocess

from .loop import Failed, Skip
from .world import BUILDDIR, need_program

CONFIG = """
[ca]
default_ca = here
[here]
dir = {dir}
database = $dir/index.txt
serial = $dir/serial
crlnumber = $dir/crlnumber
new_certs_dir = $dir
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
commonName = Test
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[node]
basicConstraints = CA:false
keyUsage = digitalSignature, keyAgreement
extendedKeyUsage = serverAuth, clientAuth
"""


def alternatives(host):
    """inet_tls_dist compares the host part of the node name with the DNS names of the certificate, even where it is
    an address; others look for an address there."""
    is_address = ":" in host or re.fullmatch(r"[0-9.]+", host)
    return [f"DNS:{host}"] + ([f"IP:{host}"] if is_address else [])


def need_tls():
    """Skips where the program speaks no TLS, or certificates cannot be made."""
    need_program("openssl", "openssl")
    with open(os.path.join(BUILDDIR, "build_config.h"), encoding="utf8") as f:
        if "#define HAVE_TLS 1" not in f.read():
            raise Skip("gen_cluster was built without TLS")


class Cert:
    """Paths of a certificate and its key; hosts are those that it is for."""

    def __init__(self, ca, name, hosts):
        self.ca, self.name, self.hosts = ca, name, hosts
        self.cert, self.key, self.cacert = ca.path(f"{name}.pem"), ca.path(f"{name}.key"), ca.path("ca.pem")


class Ca:
    """Ca(world) is the one that all trust; Ca(world, "other") is a stranger."""

    def __init__(self, world, name="ca"):
        need_tls()
        self.world, self.name, self.dir = world, name, world.path(f"ca-{name}")
        os.mkdir(self.dir)
        self.write("openssl.cnf", CONFIG.format(dir=self.dir))
        self.write("index.txt", "")
        self.write("serial", "1000\n")
        self.write("crlnumber", "1000\n")
        self.openssl("req", "-new", "-x509", *self.new_key("ca.key"), "-out", self.path("ca.pem"), "-days", "30",
                     "-subj", f"/CN=Test {name}", "-extensions", "authority")
        self.cacert = self.path("ca.pem")

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf8") as f:
            f.write(text)

    def openssl(self, command, *args):
        argv = ["openssl", command, *(["-config", self.path("openssl.cnf")] if command in ("req", "ca") else []), *args]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=self.world.env(), cwd=self.dir)
        self.world.journal.add(self.name, f"$ {' '.join(argv)} -> {done.returncode}")
        if done.returncode != 0:
            raise Failed(f"{' '.join(argv)}: {done.stderr.strip()}")
        return done.stdout

    def new_key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.path(name)]

    def issue(self, name, *hosts, expired=False, renew=False):
        """A certificate for these hosts (names and addresses), for servers and clients. renew: over the files
        of an older one of that name, each replaced as a whole."""
        new = f"{name}.new" if renew else name
        names = ",".join(word for host in hosts for word in alternatives(host))
        self.openssl("req", "-new", *self.new_key(f"{new}.key"), "-out", self.path(f"{new}.csr"), "-subj",
                     f"/CN={name}", *(["-addext", f"subjectAltName={names}"] if hosts else []))
        when = ["-startdate", "200101000000Z", "-enddate", "200102000000Z"] if expired else []
        self.openssl("ca", "-batch", "-notext", "-in", self.path(f"{new}.csr"), "-out", self.path(f"{new}.pem"),
                     "-extensions", "node", *when)
        os.chmod(self.path(f"{new}.key"), 0o600)
        if renew:
            for kind in ("key", "pem"):
                os.rename(self.path(f"{new}.{kind}"), self.path(f"{name}.{kind}"))
        return Cert(self, name, hosts)

    def revoke(self, cert):
        self.openssl("ca", "-revoke", cert.cert)

    def crl(self):
        """The path of a list of all that is revoked by now."""
        self.openssl("ca", "-gencrl", "-out", self.path("crl.pem.new"))
        os.rename(self.path("crl.pem.new"), self.path("crl.pem"))
        return self.path("crl.pem")


def optfile(world, cert, version=None, name=None, cacert=None, seen=lambda path: path, more=""):
    """Writes the ssl_dist_optfile of a node with mutual authentication; gives its path. version: "1.2" or "1.3" and
    no other. seen: a path as the node sees it (in a chroot). more: further options of the client, as Erlang text
    that begins with a comma. The host name is checked, where the certificate names hosts."""
    both = [f'{{certfile, "{seen(cert.cert)}"}}', f'{{keyfile, "{seen(cert.key)}"}}',
            f'{{cacertfile, "{seen(cacert or cert.cacert)}"}}', "{verify, verify_peer}"]
    if version:
        both.append(f"{{versions, ['tlsv{version}']}}")
    both = ", ".join(both)
    return world.write(f"ssl-{name or cert.name}.config",
                       f"[{{server, [{both}, {{fail_if_no_peer_cert, true}}]}},\n {{client, [{both}{more}]}}].\n")


def dist_args(path, family="inet"):
    """Arguments of erl for distribution over TLS."""
    return ["-proto_dist", f"{family}_tls", "-ssl_dist_optfile", path]
