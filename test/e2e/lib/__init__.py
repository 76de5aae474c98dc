"""The library of the end-to-end tests. A test is a file with functions of one World each:

    from lib import *

    def finds(w):
        a, b = w.erls("a", "b")
        ...

    main(finds)

Each runs alone, `GC_BUILDDIR=build test/e2e/test_x.py [FUNCTION...]`, and in parallel with all others. A function may
not sleep: it waits for events by w.expect and the expect_ methods, all with deadlines. HACKING has more."""
from .daemon import GenCluster, GenClusterPort, atoms, formed, program
from .erl import Erl, ErlError
from .etf import Atom, Opaque
from .fakes import EpmdEntry, dead_port, silent_port
from .loop import Failed, Skip
from .main import main
from .proc import Proc, Where
from .recorder import Recorder
from .swarm import Dialler, Swarm
from .world import BUILDDIR, E2EDIR, SRCDIR, World, need_program
