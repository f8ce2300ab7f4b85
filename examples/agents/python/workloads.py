"""Workloads as plain processes of this host, each in a session of its own. They outlive the agent, and the next one finds them.

This isolates nothing and bounds nothing: it is the simplest thing that is a container in the protocol's sense.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
POLL_SECONDS = 0.02
KILL_SECONDS = 5
LINE_BYTES_MAX = 16 << 10
# Waits for its pid to be on disk before it becomes the command; an agent that dies before that closes the pipe, and it ends.
LAUNCHER = 'IFS= read -r word || exit 125; exec </dev/null; exec /bin/sh -c "$1"'


class Fault(Exception):
    """A workload could not be run; `code` is one of CommandResult.error_code."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def start_ticks(pid):
    """When a process began, in clock ticks since boot; None when it has ended. Tells it from another one of the same number."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


class Workloads:
    """The processes of this node. `journal` remembers their pids; `changed` is called with the id of one that has ended."""

    def __init__(self, folder, journal, facts, changed):
        self._folder = folder
        self._journal = journal
        self._facts = facts
        self._changed = changed
        self._children = {}
        os.makedirs(folder, mode=0o700, exist_ok=True)

    def adopt(self):
        """Watches what a former run of the agent has left running."""
        for container_id, known in self._journal.containers().items():
            if self.lives(known):
                if known["epoch"] <= known["closed"]:
                    self.stop(container_id, "SIGKILL", 0)
                else:
                    threading.Thread(target=self._follow, args=(container_id, dict(known)), daemon=True).start()

    def lives(self, known):
        pid = known.get("pid")
        return pid is not None and start_ticks(pid) == known["ticks"]

    def prepare(self, spec):
        """Makes everything ready that does not run. Raises Fault."""
        if not spec.startup.get("exec", "").strip():
            raise Fault("unsupported_runtime", f"container {spec.container_name} has no startup command for the exec runtime")
        shared = [volume.name for volume in spec.volumes if volume.kind == "shared"]
        if shared:
            raise Fault("runtime_error", f"volume {shared[0]} is shared, and this agent has no shared folder")
        os.makedirs(self._path(spec.container_id, "files"), mode=0o700, exist_ok=True)
        for volume in spec.volumes:
            os.makedirs(self._path(spec.container_id, "volumes", volume.name), exist_ok=True)

    def start(self, spec, epoch, session):
        """Starts a process. The epoch is in the journal before it exists, and its pid before it runs. Raises Fault."""
        self.prepare(spec)
        container_id = spec.container_id
        notes = {
            **{"epoch": epoch, "session": session, "pid": None, "ticks": None, "exit_code": None},
            **{"signal": spec.stop.signal, "grace_ms": spec.stop.grace_ms, "started": time.time()},
        }
        self._journal.note(container_id, **notes)
        with open(self._path(container_id, "output.log"), "ab") as output:
            try:
                child = subprocess.Popen(
                    ["/bin/sh", "-c", LAUNCHER, "lormas-container", spec.startup["exec"]],
                    **{"cwd": self._path(container_id, "files"), "env": self._environment(spec, epoch)},
                    **{"stdin": subprocess.PIPE, "stdout": output, "stderr": output, "start_new_session": True},
                )
            except OSError as error:
                raise Fault("start_failed", f"container {spec.container_name} could not be started: {error}") from error
        self._journal.note(container_id, pid=child.pid, ticks=start_ticks(child.pid))
        self._children[child.pid] = child
        try:
            child.stdin.write(b"go\n")
            child.stdin.close()
        except OSError:
            pass  # It has ended; whoever follows it says so.
        known = self._journal.container(container_id)
        threading.Thread(target=self._follow, args=(container_id, known), daemon=True).start()

    def stop(self, container_id, name, grace_ms, cut=None):
        """Ends a container's processes: by its signal, and by SIGKILL after its grace or once `cut` is set. Raises Fault when they
        do not go."""
        known = self._journal.container(container_id)
        if known.get("pid") is None:
            return
        number = getattr(signal, name if name.startswith("SIG") else f"SIG{name}", signal.SIGTERM)
        if grace_ms > 0 and self.lives(known):
            self._signal(known, number)
            self._await_end(known, grace_ms / 1000, cut)
        until = time.monotonic() + KILL_SECONDS
        while self._members(known):
            self._signal(known, signal.SIGKILL)
            if time.monotonic() > until:
                raise Fault("runtime_error", f"container {container_id} cannot be killed: look at process {known['pid']}")
            time.sleep(POLL_SECONDS)

    def remove(self, container_id, volumes):
        for part in ("files", "output.log", *(["volumes"] if volumes else [])):
            path = self._path(container_id, part)
            shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else _unlink(path)
        self._journal.note(container_id, pid=None, ticks=None, present=False)

    def problem(self, spec):
        """One look at whether a workload serves: None, or why it does not."""
        check = spec.health
        seconds = (check.timeout_ms or 2_000) / 1000
        if check.kind == "command":
            known = self._journal.container(spec.container_id)
            environment = self._environment(spec, known["epoch"])
            where = self._path(spec.container_id, "files")
            try:
                run = subprocess.run(
                    ["/bin/sh", "-c", check.command],
                    **{"cwd": where, "env": environment, "timeout": seconds, "check": False},
                    **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL},
                )
            except subprocess.TimeoutExpired:
                return f"its health command took longer than {seconds} s"
            return None if run.returncode == 0 else f"its health command ended with exit code {run.returncode}"
        port = next((port.host_port for port in spec.ports if port.name == check.port_name), None)
        if port is None:
            return f"its health check names port {check.port_name}, which it does not publish"
        address = self._facts["LORMAS_ADDRESS"]
        try:
            if check.kind == "tcp":
                socket.create_connection((address, port), seconds).close()
            else:
                urllib.request.urlopen(f"http://{address}:{port}{check.path or '/'}", timeout=seconds).close()
        except OSError as error:
            return str(error)
        return None

    def tail(self, container_id, count):
        """The last lines of its output, oldest first, and the place behind them; the place is None where there is no output."""
        lines, place = self.lines_from(container_id, 0)
        return (lines[-count:] if count else []), place

    def lines_from(self, container_id, place):
        """Whole lines of its output from a place on, each cut to 16 KiB, and the place behind them."""
        try:
            with open(self._path(container_id, "output.log"), "rb") as file:
                file.seek(place)
                whole = file.read()
        except FileNotFoundError:
            return [], None
        whole = whole[: whole.rfind(b"\n") + 1]
        lines = [line[:LINE_BYTES_MAX].decode("utf-8", "ignore") for line in whole.splitlines()]
        return lines, place + len(whole)

    def _follow(self, container_id, known):
        child = self._children.get(known["pid"])
        code = None
        if child is not None:
            code = child.wait()
            self._children.pop(known["pid"], None)
        else:
            self._await_end(known, None)
        if self._journal.container(container_id).get("pid") != known["pid"]:
            return
        # What the main process has left behind ends with it.
        self._signal(known, signal.SIGKILL)
        self._journal.note(container_id, exit_code=code if code is None or code >= 0 else 128 - code)
        self._changed(container_id)

    def _await_end(self, known, seconds, cut=None):
        until = None if seconds is None else time.monotonic() + seconds
        while (self._members(known) if until else self.lives(known)) and (until is None or time.monotonic() < until):
            if cut is not None and cut.is_set():
                return
            time.sleep(POLL_SECONDS if until else 0.2)

    def _members(self, known):
        """True while a process of the container's session lives."""
        ticks = start_ticks(known["pid"])
        if ticks is not None:
            return ticks == known["ticks"]
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/stat", "rb") as file:
                        fields = file.read().rpartition(b")")[2].split()
                except OSError:
                    continue
                if int(fields[3]) == known["pid"] and fields[0] not in (b"Z", b"X"):
                    return True
        return False

    def _signal(self, known, number):
        ticks = start_ticks(known["pid"])
        if ticks is not None and ticks != known["ticks"]:
            return  # The number belongs to another process by now, so all of ours are gone.
        try:
            os.killpg(known["pid"], number)
        except ProcessLookupError:
            pass

    def _environment(self, spec, epoch):
        environment = {"PATH": PATH, "HOME": self._path(spec.container_id, "files"), "LANG": "C.UTF-8"}
        for volume in spec.volumes:
            environment[f"VOLUME_{_upper(volume.name)}"] = self._path(spec.container_id, "volumes", volume.name)
        environment.update(spec.env)
        environment.update(self._facts)
        environment.update(LORMAS_CONTAINER=spec.container_name, LORMAS_EPOCH=str(epoch))
        environment.update({f"PORT_{_upper(port.name)}": str(port.host_port) for port in spec.ports})
        return environment

    def _path(self, container_id, *parts):
        return os.path.join(self._folder, container_id, *parts)


def _upper(name):
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def _unlink(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
