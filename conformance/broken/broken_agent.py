#!/usr/bin/env python3
"""The example agent in Python with one promise broken: what the conformance suite must find. For its tests alone.

    BROKEN=NAME python3 broken_agent.py

with the folder of the example's code and that of its generated code in PYTHONPATH.
"""

import os
import sys

import agent
import enrolment
import executor
import journal
import link
import workloads


def trusts_anybody():
    enrolment.find_authority = lambda coordinator, _digest: _shown(coordinator)[-1]


def new_key_each_time():
    make = enrolment.Identity._make_key

    def anew(identity):
        if os.path.exists(identity._path("key.pem")):
            os.unlink(identity._path("key.pem"))
        make(identity)

    enrolment.Identity._make_key = anew


def asks_for_ever():
    enrolment.FINAL.clear()


def same_incarnation():
    begin = link.Link.__init__

    def begun(self, *arguments):
        begin(self, *arguments)
        self._incarnation = "00000000-0000-4000-8000-000000000001"

    link.Link.__init__ = begun


def never_renews():
    enrolment.Identity.seconds_to_renewal = lambda _identity: 1e6


def beats_fast():
    adopt = link.Link._adopt

    def adopted(self, membership):
        adopt(self, membership)
        self._interval = 0.05

    link.Link._adopt = adopted


def beats_when_answered():
    usage = link.Link._usage

    def waiting(self):
        # One heartbeat is on its way at a time.
        until = link.time.monotonic() + 3
        while self._last_ack < self._sequence - 1 and link.time.monotonic() < until:
            link.time.sleep(0.01)
        return usage(self)

    link.Link._usage = waiting


def goes_back():
    def adopted(self, membership):
        self._journal.adopt(membership)
        self._interval = membership.policy.interval_ms / 1000
        self._lease = membership.policy.lease_ms / 1000

    link.Link._adopt = adopted


def obeys_any_term():
    journal.Journal.term = property(lambda _self: 0)


def obeys_any_session():
    _without("stale_session")


def obeys_any_epoch():
    _without("stale_epoch")


def forgets_commands():
    journal.Journal.result = lambda _self, _command_id: None
    journal.Journal.unacknowledged = lambda _self: []


def sends_results_once():
    journal.Journal.unacknowledged = lambda _self: []


def repeats_without_an_end():
    journal.Journal.acknowledge = lambda _self, _command_id: None


def dies_of_the_unknown():
    submit = executor.Executor.submit

    def submitted(self, command):
        if command.WhichOneof("action") is None:
            os._exit(3)
        submit(self, command)

    executor.Executor.submit = submitted


def starts_without_health():
    executor.Executor._await_health = lambda *_: None


def kills_at_once():
    stop = workloads.Workloads.stop
    workloads.Workloads.stop = lambda self, container_id, name, _grace_ms, _cut=None: stop(self, container_id, name, 0)


def waits_every_grace():
    stop = workloads.Workloads.stop
    workloads.Workloads.stop = lambda self, one, name, grace_ms, _cut=None: stop(self, one, name, grace_ms)


def reports_nothing():
    link.Link.tell_status = lambda _self, _status: None


def leaves_lines_whole():
    workloads.LINE_BYTES_MAX = 1 << 20


def takes_small_messages():
    enrolment.MESSAGE_BYTES_MAX = 64 << 10


def dials_without_a_pause():
    agent.pause = lambda _attempt: 0


def leaves_without_a_word():
    link.Link._say_goodbye = lambda _self: None


def keeps_older_copies():
    executor.Executor.remove_older = lambda _self, _session: None


def leaves_its_workloads():
    executor.Executor.stop_all = lambda _self: None


def names_no_node():
    workloads.Workloads._environment = _without_variable(workloads.Workloads._environment, "LORMAS_NODE_BIN")


def _without_variable(make, name):
    return lambda *arguments: {known: value for known, value in make(*arguments).items() if known != name}


def _without(code):
    """Obeys what would be refused with a code."""
    objection = executor.Executor._objection

    def forgiving(self, command):
        found = objection(self, command)
        return None if found is not None and found.code == code else found

    executor.Executor._objection = forgiving


def _shown(coordinator):
    shown = enrolment.openssl("s_client", "-connect", coordinator, "-alpn", "h2", "-showcerts", may_fail=True)
    return enrolment.re.findall(
        r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", shown.decode("latin-1"), enrolment.re.S
    )


if __name__ == "__main__":
    globals()[os.environ["BROKEN"].replace("-", "_")]()
    code = agent.main()
    sys.stdout.flush()
    os._exit(code)
