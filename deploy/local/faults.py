"""What can keep the local system from starting, told in one line with its mend."""


class Fault(Exception):
    """A start that failed; `zh` and `en` say what is wrong and what mends it."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.zh = zh
        self.en = en


class BrokenDownload(Fault):
    """What arrived is not what was locked."""


class NoNetwork(Fault):
    """A download could not be made."""


class ServerFailed(Fault):
    """A server of ours ended or did not become ready; its log says why."""


class PortTaken(Fault):
    """Another program listens where we must."""


class DiskFull(Fault):
    """No room is left for the data."""


class AlreadyRunning(Fault):
    """Another run holds the same data."""


class DemoNotLoaded(Fault):
    """The demo county could not be loaded."""


class Unreachable(Fault):
    """The user's own database or broker does not answer."""


class NotRunning(Fault):
    """Something needs the running system, and none runs."""
