"""What this node has promised and done, on disk before anybody is told of it."""

import base64
import json
import os
import threading

from lormas.agent.v1 import agent_pb2 as messages

ACKNOWLEDGED_MAX = 1_000
"""Results that are kept after they were acknowledged, to answer late repetitions."""


def write_durably(path, data):
    """Writes a whole file or nothing of it; it has reached the disk when this returns."""
    with open(f"{path}.tmp", "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.tmp", path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Journal:
    """One JSON file. Every change is on disk when its method returns; any thread may call."""

    def __init__(self, path):
        self._path = path
        self._lock = threading.RLock()
        self._state = {
            **{"term": 0, "session": 0, "closed_session": 0, "membership": None},
            **{"containers": {}, "results": {}, "acknowledged": []},
        }
        try:
            with open(path, encoding="utf-8") as file:
                self._state.update(json.load(file))
        except FileNotFoundError:
            pass

    @property
    def term(self):
        return self._state["term"]

    @property
    def session(self):
        """The session that is confirmed; 0 for none."""
        return self._state["session"]

    @property
    def closed_session(self):
        """Sessions up to this one are over for good."""
        return self._state["closed_session"]

    @property
    def membership(self):
        """The voting group's present epoch, as messages.Membership; None before the first Welcome."""
        stored = self._state["membership"]
        return None if stored is None else messages.Membership.FromString(base64.b64decode(stored))

    def container(self, container_id):
        """What is known of a container: the epoch that was started last, and up to which they are closed."""
        with self._lock:
            return dict(self._state["containers"].get(container_id) or {"epoch": 0, "closed": 0})

    def containers(self):
        with self._lock:
            return {container_id: dict(one) for container_id, one in self._state["containers"].items()}

    def result(self, command_id):
        """The stored result of a command; None when it is not known."""
        with self._lock:
            stored = self._state["results"].get(command_id)
            return None if stored is None else messages.CommandResult.FromString(base64.b64decode(stored))

    def unacknowledged(self):
        """Results that the coordinator may not have, oldest first."""
        with self._lock:
            acknowledged = set(self._state["acknowledged"])
            return [self.result(known) for known in self._state["results"] if known not in acknowledged]

    def obeyed(self, term):
        if term > self.term:
            self._change(term=term)

    def confirm_session(self, session):
        self._change(session=session)

    def close_session(self, session):
        self._change(closed_session=session)

    def adopt(self, membership):
        self._change(membership=base64.b64encode(membership.SerializeToString()).decode())

    def note(self, container_id, **changes):
        """Changes what is known of a container."""
        with self._lock:
            containers = dict(self._state["containers"])
            containers[container_id] = {**self.container(container_id), **changes}
            self._change(containers=containers)

    def store(self, result):
        with self._lock:
            encoded = base64.b64encode(result.SerializeToString()).decode()
            self._change(results={**self._state["results"], result.command_id: encoded})

    def acknowledge(self, command_id):
        with self._lock:
            if command_id not in self._state["results"] or command_id in self._state["acknowledged"]:
                return
            acknowledged = [*self._state["acknowledged"], command_id]
            results = dict(self._state["results"])
            for forgotten in acknowledged[:-ACKNOWLEDGED_MAX]:
                results.pop(forgotten, None)
            self._change(results=results, acknowledged=acknowledged[-ACKNOWLEDGED_MAX:])

    def _change(self, **changes):
        with self._lock:
            state = {**self._state, **changes}
            write_durably(self._path, json.dumps(state).encode())
            self._state = state
