"""Three brokers that hold each record in three copies and answer for it once two have it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from deploy.local import processes
from deploy.local.kafka import Kafka

# Each service has a listener of its own, so that the addresses it is told lead through its own wires.
_SETTINGS = """
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}{doors}
advertised.listeners=PLAINTEXT://{host}:{port}{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{plain}
offsets.topic.replication.factor={copies}
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={enough}
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={enough}
min.insync.replicas={enough}
unclean.leader.election.enable=false
"""


class Node(Kafka):
    """One broker of several."""

    def __init__(self, folder: Path, number: int, port: int, more: str) -> None:
        super().__init__(folder, port, more=more)
        self.name = f"Kafka {number}"


def brokers(folders: Sequence[Path], doors: Sequence[Mapping[str, tuple[int, int]]]) -> list[Kafka]:
    """As many brokers as folders, each with a listener a service: `{"detector": (port, the port to be told)}`."""
    controllers = [processes.free_port() for _ in folders]
    voters = ",".join(f"{n}@{processes.HOST}:{port}" for n, port in enumerate(controllers, start=1))
    enough = len(folders) // 2 + 1
    made: list[Kafka] = []
    for number, (folder, own) in enumerate(zip(folders, doors, strict=True), start=1):
        port = processes.free_port()
        more = _SETTINGS.format(
            host=processes.HOST,
            node=number,
            voters=voters,
            port=port,
            controller=controllers[number - 1],
            copies=len(folders),
            enough=enough,
            doors="".join(f",{name.upper()}://{processes.HOST}:{real}" for name, (real, _) in own.items()),
            advertised="".join(f",{name.upper()}://{processes.HOST}:{told}" for name, (_, told) in own.items()),
            plain="".join(f",{name.upper()}:PLAINTEXT" for name in own),
        )
        made.append(Node(folder, number, port, more))
    return made


def start_all(brokers: Sequence[Kafka], hands: Executor) -> None:
    """Start them side by side: none serves before most of them are there."""
    list(hands.map(lambda broker: broker.start(), brokers))
