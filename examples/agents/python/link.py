"""One connection to the coordinator: the heartbeat stream, and the command stream beside it."""

import os
import platform
import queue
import shutil
import threading
import time
import uuid

import grpc
from lormas.agent.v1 import agent_pb2 as messages
from lormas.agent.v1 import agent_pb2_grpc as services

from enrolment import VERSION

ANSWER_SECONDS = 5
"""How long a coordinator may take to welcome and to attach."""
SILENCE_SECONDS = 2
"""Without an acknowledgement for this long, and at least a lease, the connection is given up."""
OUTGOING_MAX = 10_000
READINGS_MAX = 16
BATCH_LINES = 500
PORT_POOL = (20_000, 29_999)


class Over(Exception):
    """The connection is of no use any more; the text says why."""


class Sending:
    """What is sent up a stream, bounded; iterated by gRPC."""

    def __init__(self):
        self._queue = queue.Queue(OUTGOING_MAX)

    def put(self, message):
        """Raises Over when too much waits for the network."""
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            raise Over(f"{OUTGOING_MAX} messages wait for the network") from None

    def end(self):
        self.put(None)

    def __iter__(self):
        return iter(self._queue.get, None)


class Link:
    """The streams of one node, one connection after another."""

    def __init__(self, agent, log):
        self._agent = agent
        self._journal = agent.journal
        self._log = log
        self._incarnation = str(uuid.uuid4())
        self._born = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._sequence = self._report = self._last_ack = 0
        self._interval = 1.0
        self._lease = 0.0
        self._heard_at = 0.0
        self._cpu = cpu_times()
        self._channel = None
        # Guards what goes up the command stream: results and reports begin behind the inventory.
        self._lock = threading.RLock()
        self._up = None
        self._goodbye_heard = threading.Event()
        self._readings = {}

    def serve(self):
        """Dials and serves until it ends; answers why."""
        with self._agent.identity.connect(self._agent.coordinator) as self._channel:
            stub = services.AgentServiceStub(self._channel)
            sending = Sending()
            sending.put(messages.HeartbeatRequest(hello=self._hello()))
            call = stub.Heartbeat(iter(sending))
            over = threading.Event()
            late = threading.Timer(ANSWER_SECONDS, call.cancel)
            late.start()
            threads = []
            try:
                for answer in call:
                    late.cancel()
                    kind = answer.WhichOneof("message")
                    if kind == "welcome" and not threads:
                        welcome = answer.welcome
                        self._check(welcome)
                        self._heard_at = time.monotonic()
                        threads = [
                            threading.Thread(target=self._beat, args=(sending, call, over), daemon=True),
                            threading.Thread(target=self._keep_commands, args=(stub, welcome, call, over), daemon=True),
                        ]
                        self._adopt(welcome.membership)
                        for thread in threads:
                            thread.start()
                    elif kind == "ack" and threads:
                        self._acknowledged(answer.ack, welcome.session)
                return "the coordinator ended the stream"
            except Over as reason:
                return str(reason)
            except grpc.RpcError as error:
                return error.details() or error.code().name
            finally:
                late.cancel()
                over.set()
                call.cancel()
                self._detach()
                for reading in list(self._readings.values()):
                    reading.set()
                self._channel.close()
                for thread in threads:
                    thread.join()

    def renew(self):
        """Exchanges the certificate over the present connection. Raises grpc.RpcError, or OSError while there is none."""
        channel = self._channel
        if channel is None:
            raise OSError("not connected")
        try:
            self._agent.identity.renew(channel)
        except ValueError:
            raise OSError("the connection has ended") from None

    def tell_result(self, result):
        """Sends a result that the journal has; without a stream it waits there for the next one."""
        with self._lock:
            if self._up is not None:
                self._send(messages.CommandsRequest(result=result))

    def tell_status(self, status):
        with self._lock:
            if self._up is not None:
                self._report += 1
                report = messages.WorkloadReport(sequence=self._report, status=status)
                self._send(messages.CommandsRequest(report=report))

    def goodbye(self, seconds):
        """Says that the closed session is over, on this connection or the next; True once it was heard."""
        with self._lock:
            if self._up is not None:
                self._say_goodbye()
        return self._goodbye_heard.wait(seconds)

    def _send(self, message):
        try:
            self._up.put(message)
        except Over as reason:
            self._log(str(reason))
            self._up = None

    def _say_goodbye(self):
        session = self._journal.closed_session
        self._send(messages.CommandsRequest(goodbye=messages.Goodbye(session=session, reason="the agent was told to stop")))
        self._up.end()
        self._up = None

    def _detach(self):
        with self._lock:
            self._up = None

    def _hello(self):
        facts = os.statvfs(self._agent.settings["LORMAS_DATA_DIR"])
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        cores = len(os.sched_getaffinity(0))
        return messages.Hello(
            incarnation=self._incarnation,
            agent_version=VERSION,
            session=self._journal.session,
            address=self._agent.settings["LORMAS_NODE_ADDRESS"],
            runtime="exec",
            capacity=messages.Resources(
                cpu_millis=cores * 1000, memory_bytes=memory, disk_bytes=facts.f_frsize * facts.f_blocks
            ),
            architecture={"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
            platform=f"{platform.system()} {platform.release()}",
            port_pool_min=PORT_POOL[0],
            port_pool_max=PORT_POOL[1],
            guarded=False,
        )

    def _check(self, welcome):
        """Refuses a coordinator that has been succeeded, and a session that is behind."""
        self._check_term(welcome.term)
        if welcome.session == 0 or welcome.session < self._journal.session:
            raise Over(f"the coordinator gave session {welcome.session}, this node has confirmed {self._journal.session}")
        if self._agent.executor.leaving and welcome.session > self._journal.session:
            self._goodbye_heard.set()  # Who offers the next one knows that the last is over.
            raise Over("the agent leaves, and takes up no session")

    def _check_term(self, term):
        if term < self._journal.term:
            raise Over(f"the coordinator speaks for term {term}, this node has obeyed {self._journal.term}")

    def _adopt(self, membership):
        """A voting group's epoch is on disk before a heartbeat confirms it; there is no way back."""
        known = self._journal.membership
        if known is None or membership.epoch > known.epoch:
            self._journal.adopt(membership)
            known = membership
        self._interval = known.policy.interval_ms / 1000
        self._lease = known.policy.lease_ms / 1000

    def _acknowledged(self, ack, session):
        self._check_term(ack.term)
        if ack.session != session:
            raise Over(f"the session is {ack.session} now, was {session}: asking anew")
        self._heard_at = time.monotonic()
        self._last_ack = max(self._last_ack, ack.sequence)
        if ack.HasField("membership"):
            self._adopt(ack.membership)

    def _beat(self, sending, call, over):
        while not over.is_set():
            if time.monotonic() - self._heard_at > max(SILENCE_SECONDS, self._lease):
                call.cancel()
                return
            self._sequence += 1
            membership = self._journal.membership
            # Without a guard there is no lease to speak of: nothing here runs under one.
            beat = messages.Heartbeat(
                sequence=self._sequence,
                session=self._journal.session,
                usage=self._usage(),
                last_ack_seen=self._last_ack,
                runtime_ready=True,
                membership_epoch=0 if membership is None else membership.epoch,
                elapsed_ms=int((time.clock_gettime(time.CLOCK_BOOTTIME) - self._born) * 1000),
            )
            try:
                sending.put(messages.HeartbeatRequest(heartbeat=beat))
            except Over:
                call.cancel()
                return
            over.wait(self._interval)

    def _usage(self):
        before, self._cpu = self._cpu, cpu_times()
        busy, whole = (now - then for now, then in zip(self._cpu, before))
        cores = len(os.sched_getaffinity(0))
        with open("/proc/meminfo", encoding="ascii") as file:
            memory = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in file}
        return messages.Resources(
            cpu_millis=int(1000 * cores * busy / whole) if whole > 0 else 0,
            memory_bytes=memory["MemTotal"] - memory["MemAvailable"],
            disk_bytes=shutil.disk_usage(self._agent.settings["LORMAS_DATA_DIR"]).used,
        )

    def _keep_commands(self, stub, welcome, heartbeats, over):
        """Confirms the session, then serves the command stream; without it the connection is given up."""
        try:
            self._journal.obeyed(welcome.term)
            if welcome.session > self._journal.session:
                self._agent.executor.remove_older(welcome.session)
                self._journal.confirm_session(welcome.session)
            if not over.is_set():
                self._serve_commands(stub, welcome.session)
        except Exception as error:  # pylint: disable=broad-except
            if not over.is_set():
                self._log(f"the command stream has ended: {error!r}"[:300])
        finally:
            heartbeats.cancel()

    def _serve_commands(self, stub, session):
        sending = Sending()
        sending.put(messages.CommandsRequest(attach=messages.Attach(incarnation=self._incarnation, session=session)))
        call = stub.Commands(iter(sending))
        late = threading.Timer(ANSWER_SECONDS, call.cancel)
        late.start()
        said_goodbye = False
        try:
            for answer in call:
                late.cancel()
                match answer.WhichOneof("message"):
                    case "attached":
                        self._check_term(answer.attached.term)
                        said_goodbye = self._attached(sending, session)
                    case "command":
                        self._agent.executor.submit(answer.command)
                    case "result_ack":
                        self._journal.acknowledge(answer.result_ack.command_id)
                    case "open_logs":
                        self._open_logs(stub, answer.open_logs)
                    case "close_logs":
                        if answer.close_logs.log_id in self._readings:
                            self._readings[answer.close_logs.log_id].set()
                    case None:
                        self._log("a message of an unknown kind came; is the coordinator newer?")
            if said_goodbye or session <= self._journal.closed_session:
                self._goodbye_heard.set()
        finally:
            late.cancel()
            call.cancel()
            self._detach()

    def _attached(self, sending, session):
        """Results that may not be known, then the inventory, then what comes. True when the session is over, and said to be."""
        with self._lock:
            for result in self._journal.unacknowledged():
                sending.put(messages.CommandsRequest(result=result))
            inventory = messages.Inventory(session=session, workloads=self._agent.executor.inventory())
            sending.put(messages.CommandsRequest(inventory=inventory))
            self._up = sending
            if session > self._journal.closed_session:
                self._log(f"attached in session {session}")
                return False
            self._say_goodbye()
            return True

    def _open_logs(self, stub, request):
        if request.log_id in self._readings or len(self._readings) >= READINGS_MAX:
            return
        closed = self._readings[request.log_id] = threading.Event()

        def push():
            try:
                stub.PushLogs(self._log_lines(request, closed))
            except (grpc.RpcError, ValueError) as error:
                self._log(f"a reading of logs has ended: {error!r}"[:200])
            finally:
                self._readings.pop(request.log_id, None)

        threading.Thread(target=push, daemon=True).start()

    def _log_lines(self, request, closed):
        log_id = request.log_id
        yield messages.PushLogsRequest(log_id=log_id)
        lines, place = self._agent.workloads.tail(request.container_id, request.tail_lines)
        if place is None:
            yield messages.PushLogsRequest(log_id=log_id, error="the container is not on this node")
            return
        while True:
            for first in range(0, len(lines), BATCH_LINES):
                batch = [messages.LogLine(stream="stdout", text=text) for text in lines[first : first + BATCH_LINES]]
                yield messages.PushLogsRequest(log_id=log_id, lines=batch)
            if not request.follow or closed.wait(0.2):
                return
            lines, place = self._agent.workloads.lines_from(request.container_id, place)


def cpu_times():
    """Ticks of all cores since boot: busy ones, and all."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(field) for field in file.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)
