"""Kubernetes on one machine without Kubernetes: pods are network namespaces, CoreDNS is a Knot DNS server, kubelet and
the controllers are this package. What runs in the pods is real: epmd, the release, gen_cluster.

    variant.py   the four ways of the example: ip, srv, epmdless, sidecar
    pod.py       Pod: a namespace with its epmd, its release, the program
    service.py   Service: the headless Service; DNS that follows the pods with a delay
    cluster.py   Cluster: starts, scales, updates, cuts; what every release must see
    witness.py   Witness: no live member may be lost
    steps.py     what is shown by ../run and tested by test/e2e/test_k8s_local.py
    screen.py    the progress display and the summary

It stands on the library of the end-to-end tests, test/e2e/lib."""
