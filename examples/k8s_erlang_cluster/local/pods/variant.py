"""The four variants of the example, as their files say. config/NAME.config.src is the configuration of the release."""
from dataclasses import dataclass

BASENAME = "k8s_erlang_cluster"


@dataclass(frozen=True)
class Variant:
    name: str
    about: str
    is_stateful: bool = False  # a StatefulSet: pods keep their names, and their nodes are named after them
    has_epmd: bool = True
    is_sidecar: bool = False   # the program runs beside the release, not in it
    port: int = 4370           # where the release listens
    port_name: str = "dist"    # what the Service calls that


VARIANTS = {v.name: v for v in (
    Variant("ip", "a Deployment; nodes are found by A records and named by address"),
    Variant("srv", "a StatefulSet; nodes are found by SRV records and named by host name", is_stateful=True),
    Variant("epmdless", "no EPMD anywhere: every release listens on ERL_DIST_PORT", has_epmd=False),
    Variant("sidecar", "an unchanged release, and gen_cluster in a container of its own beside it", is_sidecar=True),
)}
