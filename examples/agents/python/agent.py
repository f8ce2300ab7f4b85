#!/usr/bin/env python3
"""A minimal agent of Lormas: enrols, holds both streams over mutual TLS, and runs workloads as plain processes.

    LORMAS_COORDINATOR=127.0.0.1:7443 LORMAS_JOIN_TOKEN=... LORMAS_DATA_DIR=/var/lib/agent LORMAS_NODE_NAME=host-1 \\
        LORMAS_NODE_ADDRESS=127.0.0.1 python3 agent.py

It has no guard and takes no HA containers. SIGTERM lets it leave in order; SIGKILL stops nothing that runs. The exit code is
0 after a clean end, 1 when it could not go on, and 2 when its settings are refused.
"""

import fcntl
import os
import random
import shutil
import signal
import sys
import threading
import time

import grpc

from enrolment import Identity, Refused, Stranger
from executor import Executor
from journal import Journal
from link import Link
from workloads import Workloads

BACK_OFF_SECONDS = (0.1, 5)
"""Where the pauses between dials begin and end."""
GOOD_LINK_SECONDS = 5
"""A connection that held this long was a good one: the next dial comes soon."""
GOODBYE_SECONDS = 2
RENEWAL_PAUSE_SECONDS = 5
REQUIRED = ("LORMAS_COORDINATOR", "LORMAS_DATA_DIR", "LORMAS_NODE_NAME", "LORMAS_NODE_ADDRESS")


def log(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def pause(attempt):
    """A random time up to a bound that doubles with each attempt, so that a fleet does not dial at one moment."""
    base, cap = BACK_OFF_SECONDS
    return random.random() * min(cap, base * 2 ** min(attempt, 10))


class Agent:
    """One run of one node's agent."""

    def __init__(self, settings):
        folder = settings["LORMAS_DATA_DIR"]
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._lock_file = open(os.path.join(folder, "lock"), "w", encoding="utf-8")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused(f"another agent uses {folder}: stop it, or name another folder") from None
        self.coordinator = settings["LORMAS_COORDINATOR"]
        self.settings = settings
        self.identity = Identity(folder)
        self.journal = Journal(os.path.join(folder, "journal.json"))
        facts = {"LORMAS_NODE": settings["LORMAS_NODE_NAME"], "LORMAS_ADDRESS": settings["LORMAS_NODE_ADDRESS"]}
        # What the exec runtime promises its workloads; without one here, those that need it say so in their logs.
        node = settings.get("LORMAS_NODE_BIN") or shutil.which("node")
        if node:
            facts["LORMAS_NODE_BIN"] = node
        self.workloads = Workloads(os.path.join(folder, "containers"), self.journal, facts, self._changed)
        self.executor = Executor(self.journal, self.workloads, lambda result: self.link.tell_result(result))
        self.link = Link(self, log)
        self.leaving = threading.Event()

    def enrol(self):
        """Becomes a node, unless it is one. Asks until it is answered; raises Refused when that is of no use."""
        if self.identity.load():
            return
        token = self.settings.get("LORMAS_JOIN_TOKEN", "")
        if not token:
            raise Refused(f"{self.settings['LORMAS_DATA_DIR']} holds no node yet: give a join token as LORMAS_JOIN_TOKEN")
        attempt = 0
        while not self.leaving.is_set():
            try:
                return self.identity.enrol(self.coordinator, token, self.settings["LORMAS_NODE_NAME"])
            except (Stranger, grpc.RpcError, OSError) as error:
                log(f"not enrolled yet: {explain(error)}")
            self.leaving.wait(pause(attempt))
            attempt += 1

    def serve(self):
        """Dials, serves until the connection ends, and dials again."""
        attempt = 0
        while True:
            began = time.monotonic()
            reason = self.link.serve()
            attempt = 0 if time.monotonic() - began > GOOD_LINK_SECONDS else attempt + 1
            seconds = pause(attempt)
            log(f"the connection has ended ({reason}), dialling again in {seconds:.1f} s")
            time.sleep(seconds)

    def keep_certificate_fresh(self):
        while True:
            try:
                left = self.identity.seconds_to_renewal()
                if left <= 0:
                    self.link.renew()
                    log("certificate renewed")
            except (Stranger, grpc.RpcError, OSError, ValueError) as error:
                log(f"certificate not renewed yet: {explain(error)}")
                left = 0
            time.sleep(min(max(left, RENEWAL_PAUSE_SECONDS), 3600))

    def run(self):
        self.enrol()
        if self.leaving.is_set():
            return
        self.workloads.adopt()
        for work in (self.serve, self.keep_certificate_fresh):
            threading.Thread(target=_or_die, args=(work,), daemon=True).start()
        self.leaving.wait()
        self.leave()

    def leave(self):
        """Stops what runs, closes the session on disk, and only then says goodbye."""
        log("leaving")
        self.executor.stop_all()
        self.journal.close_session(self.journal.session)
        heard = self.link.goodbye(GOODBYE_SECONDS)
        log("goodbye" if heard else "no coordinator has heard the goodbye; it is repeated when this agent starts again")

    def _changed(self, container_id):
        if not self.executor.busy(container_id):
            self.link.tell_status(self.executor.status(container_id))


def explain(error):
    return error.details() if isinstance(error, grpc.RpcError) else error


def _or_die(work):
    """An agent that has lost one of its threads keeps no promise."""
    try:
        work()
    except BaseException as error:  # pylint: disable=broad-except
        log(f"the agent ends: {error!r}")
        os._exit(1)


def main(make=Agent):
    missing = [name for name in REQUIRED if not os.environ.get(name)]
    if missing:
        print(f"agent: {' and '.join(missing)} must be set; README.md says to what", file=sys.stderr)
        return 2
    try:
        agent = make(os.environ)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: agent.leaving.set())
        agent.run()
    except Refused as refusal:
        log(f"the agent ends: {refusal}")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Daemon threads of gRPC would make an orderly end wait for them.
    os._exit(code)
