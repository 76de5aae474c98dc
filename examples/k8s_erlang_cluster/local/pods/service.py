"""Service: a headless Service and the cluster's DNS. Its records follow the pods as they do in Kubernetes: a change
is known to the DNS server only after the propagation delay (kubelet, endpoints controller, CoreDNS's watch), and what
was once answered is answered until its TTL is over (CoreDNS's cache), so records are published no oftener than that.

Names are those of Kubernetes: SERVICE.NAMESPACE.svc.cluster.local has an A record for each pod,
HOSTNAME.SERVICE.NAMESPACE.svc.cluster.local is one pod, _PORT._tcp.SERVICE... has an SRV record for each."""
import time

from lib.dns import Dns

ZONE = "cluster.local"


class Service:
    def __init__(self, world, host, name, namespace, port_name, port, propagation, ttl):
        """port_name, port: of the Service, for SRV. propagation, ttl: seconds."""
        self.world, self.port_name, self.port = world, port_name, port
        self.propagation, self.ttl = propagation, ttl
        self.name = name
        self.relative, self.domain = f"{name}.{namespace}.svc", f"{name}.{namespace}.svc.{ZONE}"
        self.search = f"{namespace}.svc.{ZONE} svc.{ZONE} {ZONE}"
        self.dns = Dns(world, host, zone=ZONE, has_root=True)
        self.pods, self.published_at, self.is_due, self.outage = [], 0.0, False, None

    # ---- what the pods do ----
    def add(self, pod):
        self.pods.append(pod)
        self.changed()

    def remove(self, pod):
        self.pods.remove(pod)
        self.changed()

    def changed(self):
        self.world.loop.later(self.propagation, self.propagated)

    def propagated(self):
        if self.is_due:
            return
        self.is_due = True
        self.world.loop.later(max(0.0, self.published_at + self.ttl - time.monotonic()), self.publish)

    # ---- what DNS says ----
    def publish(self):
        self.is_due, self.published_at = False, time.monotonic()
        self.dns.records = self.records()
        self.world.say(f"DNS: {self.domain} is {' '.join(p.host.address for p in self.pods) or 'nothing'}")
        if self.outage:
            self.dns.write_zone()
        else:
            self.dns.reload(wait=False)

    def records(self):
        """A Service without a pod is there, and has no record; see Dns.set."""
        if not self.pods:
            return {self.relative: {"TXT": ['"no pod"']}}
        records = {f"{pod.name}.{self.relative}": {"A": [pod.host.address]} for pod in self.pods}
        records[self.relative] = {"A": [pod.host.address for pod in self.pods]}
        records[f"_{self.port_name}._tcp.{self.relative}"] = {
            "SRV": [f"0 {100 // len(self.pods)} {self.port} {pod.name}.{self.domain}." for pod in self.pods]}
        return records

    # ---- when DNS is down ----
    def go_mute(self):
        """Takes questions and answers none: CoreDNS overloaded, or its packets are dropped."""
        self.outage = "mute"
        self.dns.mute()

    def go_away(self):
        """Nobody listens: no CoreDNS pod is left."""
        if self.outage == "mute":
            self.dns.unmute()
        self.outage = "away"
        self.dns.proc.kill(15).expect_exit(10)

    def come_back(self):
        if self.outage == "mute":
            self.outage = None
            self.dns.unmute()
            self.dns.reload(wait=False)
        elif self.outage == "away":
            self.outage = None
            self.dns.start()
