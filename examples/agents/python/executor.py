"""Carries out commands: looks whether it may, notes it in the journal, does it, stores the answer, and then gives it."""

import collections
import threading
import time

from lormas.agent.v1 import agent_pb2 as messages
from lormas.agent.v1 import workload_pb2 as workload

from workloads import Fault

LANES_MAX = 64
"""Commands that may wait for one container."""
UNACKNOWLEDGED_MAX = 10_000
ERROR_CHARACTERS_MAX = 500
SETTLE_SECONDS = 0.1
"""A process without a health check must live this long to count as started."""


class Executor:
    """One command a container at a time, each command id once; any thread may call."""

    def __init__(self, journal, workloads, tell):
        self._journal = journal
        self._workloads = workloads
        self._tell = tell
        self._lock = threading.Lock()
        self._lanes = {}
        self._cut = collections.defaultdict(threading.Event)
        self._kill = collections.defaultdict(threading.Event)
        self._health = {}
        self.leaving = False

    def submit(self, command):
        """Takes a command; its result is told once it is in the journal."""
        with self._lock:
            lane = self._lanes.setdefault(command.container_id, collections.deque())
            if any(waiting.command_id == command.command_id for waiting, _ in lane):
                return  # Its first copy is still at work and will answer.
            if len(lane) >= LANES_MAX:
                self._tell(failed(command, Fault("refused", f"{LANES_MAX} commands wait for this container")))
                return
            if command.WhichOneof("action") in ("stop", "remove") and self._objection(command) is None:
                self._cut[command.container_id].set()  # It does not wait for a start that still hopes for health.
                if command.WhichOneof("action") == "remove" or command.stop.grace_ms == 0:
                    self._kill[command.container_id].set()  # Nor for the grace of a stop.
            lane.append((command, time.monotonic()))
            if len(lane) == 1:
                threading.Thread(target=self._work, args=(command.container_id, lane), daemon=True).start()

    def busy(self, container_id):
        """True while a command of the container is at work: its result tells what has become of it."""
        with self._lock:
            return container_id in self._lanes

    def inventory(self):
        """Everything of ours on this node."""
        known = self._journal.containers()
        return [self.status(one) for one, about in known.items() if about.get("pid") is not None]

    def status(self, container_id):
        known = self._journal.container(container_id)
        if known.get("pid") is None:
            return workload.WorkloadStatus(container_id=container_id, state=workload.WORKLOAD_STATE_ABSENT)
        status = workload.WorkloadStatus(
            container_id=container_id, epoch=known["epoch"], session=known["session"]
        )
        if self._workloads.lives(known):
            status.state = self._health.get(container_id, workload.WORKLOAD_STATE_RUNNING)
            status.up_ms = max(0, int((time.time() - known["started"]) * 1000))
        else:
            status.state = workload.WORKLOAD_STATE_EXITED
            if known.get("exit_code") is not None:
                status.exit_code = known["exit_code"]
        return status

    def remove_older(self, session):
        """Removes every container of an older session; volumes stay."""
        for container_id, known in self._journal.containers().items():
            if known.get("pid") is not None and known["session"] < session:
                self._workloads.stop(container_id, "SIGKILL", 0)
                self._workloads.remove(container_id, False)

    def stop_all(self):
        """Ends everything, each by its own signal and grace."""
        self.leaving = True
        known = [(one, about) for one, about in self._journal.containers().items() if about.get("pid") is not None]
        stops = [
            threading.Thread(target=self._workloads.stop, args=(one, about["signal"] or "SIGTERM", about["grace_ms"]))
            for one, about in known
        ]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()

    def _work(self, container_id, lane):
        while True:
            with self._lock:
                command, received = lane[0]
            result = self._outcome(command, received)
            self._tell(result)
            with self._lock:
                lane.popleft()
                if not lane:
                    del self._lanes[container_id]
                    self._kill.pop(container_id, None)
                    return

    def _outcome(self, command, received):
        known = self._journal.result(command.command_id)
        if known is not None:
            return known
        until = received + command.timeout_ms / 1000 if command.timeout_ms else None
        began = time.monotonic()
        try:
            objection = self._objection(command)
            if objection is not None:
                raise objection
            self._act(command, until)
            result = messages.CommandResult(command_id=command.command_id, ok=True)
        except Fault as fault:
            result = failed(command, fault)
        result.status.CopyFrom(self.status(command.container_id))
        result.took_ms = int((time.monotonic() - began) * 1000)
        self._journal.store(result)
        return result

    def _objection(self, command):
        """Why a command may not be obeyed; None when it may."""
        journal = self._journal
        action = command.WhichOneof("action")
        known = journal.container(command.container_id)
        if command.term < journal.term:
            return Fault("refused", f"the command is of term {command.term}, this node has obeyed {journal.term}")
        if self.leaving:
            return Fault("refused", "the agent is about to stop: use another node")
        if command.session != journal.session or command.session <= journal.closed_session:
            return Fault("stale_session", f"the command is of session {command.session}, this node serves {journal.session}")
        # Equipment is nothing that this agent can do: what it would overlook of a start it must not know.
        if action not in ("prepare", "start", "stop", "remove"):
            return Fault("unknown_command", "this agent does not know the command: update the agent")
        if command.epoch < known["epoch"] or (action in ("start", "prepare") and command.epoch <= known["closed"]):
            return Fault("stale_epoch", f"epoch {command.epoch} of the container is over on this node: place it anew")
        if action in ("start", "prepare"):
            spec = getattr(command, action).spec
            if spec.container_id != command.container_id or len(spec.container_name) < 2:
                return Fault("refused", "the command has no spec of its own container: send it corrected")
            if action == "start" and spec.ha:
                return Fault("no_lease", "this agent has no guard, and an HA container starts only under a guarded lease")
        if len(journal.unacknowledged()) >= UNACKNOWLEDGED_MAX:
            return Fault("refused", f"{UNACKNOWLEDGED_MAX} results wait to be acknowledged")
        return None

    def _act(self, command, until):
        container_id = command.container_id
        if until is not None and time.monotonic() >= until:
            raise late(command)
        match command.WhichOneof("action"):
            case "prepare":
                self._workloads.prepare(command.prepare.spec)
            case "start":
                self._start(command, until)
            case "stop":
                self._close(command)
                grace_ms = command.stop.grace_ms
                if until is not None:
                    grace_ms = min(grace_ms, max(0, (until - time.monotonic() - 1) * 1000))
                known = self._journal.container(container_id)
                kill = self._kill[container_id]
                self._workloads.stop(container_id, known.get("signal") or "SIGTERM", grace_ms, kill)
            case "remove":
                self._close(command)
                self._workloads.stop(container_id, "SIGKILL", 0)
                self._workloads.remove(container_id, command.remove.remove_volumes)

    def _close(self, command):
        """The epoch is closed on disk before anything ends, so that no start of it is obeyed any more."""
        closed = max(command.epoch, self._journal.container(command.container_id)["closed"])
        self._journal.note(command.container_id, closed=closed)

    def _start(self, command, until):
        spec = command.start.spec
        container_id = spec.container_id
        known = self._journal.container(container_id)
        same = known["epoch"] == command.epoch and known.get("session") == command.session and known.get("pid") is not None
        if same and not self._workloads.lives(known):
            raise Fault("start_failed", "this copy ran and has ended; no order starts an epoch twice")
        cut = self._cut[container_id] = threading.Event()
        if not same:
            self._workloads.stop(container_id, "SIGKILL", 0)
            self._workloads.start(spec, command.epoch, command.session)
        self._health[container_id] = workload.WORKLOAD_STATE_STARTING
        try:
            self._await_health(spec, command, until, cut)
        except Fault:
            if until is not None and time.monotonic() >= until:
                # The coordinator counts it as failed, so no copy of it may run on.
                self._close(command)
                self._workloads.stop(container_id, "SIGKILL", 0)
            raise
        finally:
            self._health.pop(container_id, None)

    def _await_health(self, spec, command, until, cut):
        has_check = spec.HasField("health")
        interval = max(0.02, (spec.health.interval_ms or 500) / 1000) if has_check else SETTLE_SECONDS
        budget = time.monotonic() + (spec.health.start_budget_ms or 60_000) / 1000
        while True:
            if not has_check:
                cut.wait(interval)
            if not self._workloads.lives(self._journal.container(spec.container_id)):
                raise Fault("start_failed", f"container {spec.container_name} ended before it served: look at its logs")
            if cut.is_set():
                raise Fault("start_failed", f"container {spec.container_name} was stopped before it served")
            problem = self._workloads.problem(spec) if has_check else None
            if problem is None:
                return
            if until is not None and time.monotonic() >= until:
                raise late(command)
            if time.monotonic() >= budget:
                raise Fault("health_timeout", f"container {spec.container_name} runs and does not serve: {problem}")
            cut.wait(interval if until is None else min(interval, max(0, until - time.monotonic())))


def late(command):
    return Fault("timed_out", f"it was not done within the {command.timeout_ms} ms that it had")


def failed(command, fault):
    return messages.CommandResult(
        command_id=command.command_id, ok=False, error_code=fault.code, error_message=str(fault)[:ERROR_CHARACTERS_MAX]
    )
