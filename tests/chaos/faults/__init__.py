"""The faults, one kind a file; each file's `faults(stage)` gives what that stage allows."""

from collections.abc import Callable, Iterable, Mapping

from tests.chaos.fault import Fault
from tests.chaos.faults import again, disk, freeze, kill, lost, poison, restart, skew, storm, upgrade, wires
from tests.chaos.stage import Stage

KINDS: Mapping[str, Callable[[Stage], Iterable[Fault]]] = {
    "kill": kill.faults,
    "restart": restart.faults,
    "upgrade": upgrade.faults,
    "freeze": freeze.faults,
    "storm": storm.faults,
    "again": again.faults,
    "poison": poison.faults,
    "lost": lost.faults,
    "cut": wires.cuts,
    "silence": wires.silences,
    "slow": wires.delays,
    "disk": disk.faults,
    "skew": skew.faults,
}
