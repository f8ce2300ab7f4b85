#!/usr/bin/env python3
"""Creates an HA container, moves it to another node, tells its migration as it happens, and prints its history.

    LORMAS_URL=http://127.0.0.1:8080 LORMAS_TOKEN=... python3 move_container.py NAME [--egg EGG]

It shows what every client does: a token in each call, a deadline for each call, and a watch that is resumed where it
broke. The exit code is 0 when the container runs on its new node, 1 when it does not, and 2 when it was called wrongly.
"""

import argparse
import os
import sys
import time
from urllib.parse import urlsplit

import grpc
from lormas.api.v1 import resources_pb2 as resources
from lormas.api.v1 import services_pb2 as messages
from lormas.api.v1 import services_pb2_grpc as services

CALL_SECONDS = 10
"""How long one call may take."""
RUN_SECONDS = 120
"""How long the container may take to run, and its migration to end."""
RECONNECTS_MAX = 20
"""How often in a row the watch is opened anew before it is given up."""


class Coordinator:
    """The API of one coordinator, with the caller's token in every call."""

    def __init__(self, url, token):
        address = urlsplit(url)
        if address.scheme not in ("http", "https") or address.hostname is None:
            sys.exit(f"LORMAS_URL is {url!r}: give it as http://HOST:PORT or https://HOST:PORT")
        port = address.port or (443 if address.scheme == "https" else 80)
        target = f"{address.hostname}:{port}"
        if address.scheme == "https":
            self._channel = grpc.secure_channel(target, grpc.ssl_channel_credentials())
        else:
            self._channel = grpc.insecure_channel(target)
        self._metadata = (("authorization", f"Bearer {token}"),)
        self.access = services.AccessServiceStub(self._channel)
        self.containers = services.ContainerServiceStub(self._channel)
        self.events = services.EventServiceStub(self._channel)

    def call(self, method, request):
        """One answer to one request. Raises grpc.RpcError."""
        return method(request, metadata=self._metadata, timeout=CALL_SECONDS)

    def watch(self, after, seconds):
        """Every change that was committed after an event's number, in order and without a gap, for so many seconds."""
        until = time.monotonic() + seconds
        broken = 0
        while time.monotonic() < until:
            request = messages.WatchRequest(after=after)
            try:
                for message in self.events.Watch(
                    request, metadata=self._metadata, timeout=until - time.monotonic()
                ):
                    broken = 0
                    if message.WhichOneof("message") == "change":
                        after = message.change.event.sequence
                        yield message.change
            except grpc.RpcError as error:
                broken += 1
                # OUT_OF_RANGE: what lies between is not kept any more; this client would have to list again.
                if error.code() != grpc.StatusCode.UNAVAILABLE or broken > RECONNECTS_MAX:
                    raise
                time.sleep(min(5, 0.1 * 2**broken))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="the new container's name")
    parser.add_argument("--egg", default="hello-http", help="what it is made from (default: hello-http)")
    options = parser.parse_args()
    missing = [name for name in ("LORMAS_URL", "LORMAS_TOKEN") if not os.environ.get(name)]
    if missing:
        parser.error(f"{' and '.join(missing)} must be set; 'lormas token create' makes a token")
    coordinator = Coordinator(os.environ["LORMAS_URL"], os.environ["LORMAS_TOKEN"])
    try:
        return move_container(coordinator, options.name, options.egg)
    except grpc.RpcError as error:
        print(f"{error.code().name}: {error.details()}", file=sys.stderr)
        return 1


def move_container(coordinator, name, egg):
    me = coordinator.call(coordinator.access.WhoAmI, messages.WhoAmIRequest())
    print(f"signed in as {me.name} ({me.role})")
    # What is watched from before the first change shows every one of them.
    as_of = coordinator.call(coordinator.events.ListEvents, messages.ListEventsRequest(latest=True, page_size=1)).as_of

    container = coordinator.call(
        coordinator.containers.CreateContainer,
        messages.CreateContainerRequest(name=name, egg_id=egg, type=resources.CONTAINER_TYPE_HA),
    ).container
    for change in coordinator.watch(as_of, RUN_SECONDS):
        as_of = change.event.sequence
        if change.container.id != container.id:
            continue
        container = change.container
        if container.status == resources.CONTAINER_STATUS_RUNNING:
            break
        if container.status == resources.CONTAINER_STATUS_FAILED:
            print(f"{name} does not run: {container.status_reason}", file=sys.stderr)
            return 1
    print(f"{name} runs on {container.node_name}, at most {container.failover_bound_ms / 1000:.1f} s without service")

    migration = coordinator.call(
        coordinator.containers.MigrateContainer, messages.MigrateContainerRequest(id=name)
    ).migration
    told = 0
    for change in coordinator.watch(as_of, RUN_SECONDS):
        if change.migration.id != migration.id:
            continue
        migration = change.migration
        # A change shows the migration as it is now; what it passed quickly is among its steps alone.
        for step in migration.steps[told:]:
            print(f"  {step.name}")
        told = len(migration.steps)
        if migration.outcome != resources.MIGRATION_OUTCOME_RUNNING:
            print(f"  {migration.state}")
            break

    history = coordinator.call(
        coordinator.containers.ListMigrationHistory, messages.ListMigrationHistoryRequest(id=name)
    ).migrations
    for past in history:
        outcome = resources.MigrationOutcome.Name(past.outcome).removeprefix("MIGRATION_OUTCOME_").lower()
        print(f"{past.source_node_name} -> {past.target_node_name or '-'}: {outcome}, {past.downtime_ms} ms without service")
    return 0 if migration.outcome == resources.MIGRATION_OUTCOME_COMPLETED else 1


if __name__ == "__main__":
    sys.exit(main())
