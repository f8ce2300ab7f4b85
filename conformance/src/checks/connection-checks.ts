import { WorkloadState } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { type Check, expectThat } from "../check.ts";
import { BACK_MS, PAUSE_MAX_MS, STARTED_MS } from "../stage.ts";

/** Dials in the time that follows the first. */
const DIALS_MAX = 40;
const GONE_MS = 4_000;

/** What happens when the coordinator goes away, comes back, or the agent leaves. */
export const CONNECTION_CHECKS: readonly Check[] = [
  {
    name: "attach-names-run-and-session",
    source: "proto/lormas/agent/v1/agent.proto",
    promise:
      "The first message must be an Attach that names the incarnation and session that the heartbeat stream was welcomed with.",
    begins: "serving",
    run: async (stage) => {
      const place = await stage.reconnected();
      const { value: attach } = await stage.heardAfter(place, "attach");
      const { value: hello } = await stage.heardAfter(place, "hello");
      const { value: inventory } = await stage.heardAfter(place, "inventory");
      const { session } = stage.plane.conduct;
      expectThat(
        attach.incarnation === hello.incarnation,
        () => "it attached with another incarnation than its Hello's",
      );
      expectThat(
        attach.session === session,
        () => `it attached for session ${attach.session}, it was given ${session}`,
      );
      expectThat(inventory.session === session, () => `its inventory is of session ${inventory.session}`);
    },
  },
  {
    name: "dials-again-with-pauses",
    source: "docs/agent-protocol.md",
    promise:
      "While nobody is there it dials again with pauses that grow, of ten seconds at most, and at most 40 times in four seconds.",
    begins: "serving",
    run: async (stage) => {
      const { heard } = stage.plane;
      stage.plane.behave({ open: false });
      const place = heard.length;
      stage.plane.cut();
      await stage.heardAfter(place, "dial", PAUSE_MAX_MS);
      await stage.clock.sleep(GONE_MS);
      const dials = heard.since(place, "dial").length;
      expectThat(dials <= DIALS_MAX, () => `it dialled ${dials} times in ${GONE_MS / 1_000} s`);
      stage.plane.behave({ open: true });
      await stage.heardAfter(heard.length, "inventory", BACK_MS);
    },
  },
  {
    name: "workloads-outlive-the-connection",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "Everything that is on the node; sent after every attach",
    begins: "serving",
    run: async (stage) => {
      const workload = stage.workload();
      const pid = await stage.running(workload, { epoch: 4n });
      const place = await stage.reconnected();
      const { value: inventory } = await stage.heardAfter(place, "inventory");
      const told = inventory.workloads.find(({ containerId }) => containerId === workload.id);
      const { session } = stage.plane.conduct;
      expectThat(told?.state === WorkloadState.RUNNING, () => "its inventory does not tell of what runs");
      expectThat(
        told.epoch === 4n && told.session === session,
        () => "its inventory tells of another epoch or session",
      );
      expectThat(workload.alive().includes(pid), () => "what ran did not outlive the connection");
    },
  },
  {
    name: "workloads-outlive-the-agent",
    source: "docs/join-a-host.md",
    promise: "SIGKILL of an agent stops nothing",
    begins: "serving",
    run: async (stage) => {
      const workload = stage.workload();
      const pid = await stage.running(workload);
      stage.agent.signal("SIGKILL");
      await stage.ended(5_000);
      expectThat(workload.alive().includes(pid), () => "what ran ended with the agent");
      const place = stage.plane.heard.length;
      stage.agent.start(null);
      const { value: inventory } = await stage.heardAfter(place, "inventory", STARTED_MS);
      const told = inventory.workloads.find(({ containerId }) => containerId === workload.id);
      expectThat(told?.state === WorkloadState.RUNNING, () => "the next run's inventory does not tell of what runs");
      const starts = workload.starts().length;
      expectThat(starts === 1 && workload.alive().includes(pid), () => `it was started ${starts} times`);
    },
  },
  {
    name: "older-session-removed-first",
    source: "proto/lormas/agent/v1/agent.proto",
    promise:
      "When it differs from the Hello's, every container of an older session must be removed (volumes stay) and the fact be reported by an Inventory before anything is started.",
    begins: "serving",
    run: async (stage) => {
      const { heard, conduct } = stage.plane;
      const workload = stage.workload();
      await stage.running(workload);
      const session = conduct.session + 1n;
      const place = heard.length;
      stage.plane.behave({ session });
      stage.plane.cut();
      const { value: inventory } = await stage.heardAfter(place, "inventory", BACK_MS);
      expectThat(
        inventory.session === session,
        () => `its inventory is of session ${inventory.session}, not ${session}`,
      );
      expectThat(
        inventory.workloads.length === 0,
        () => `its inventory has ${inventory.workloads.length} containers left`,
      );
      expectThat(workload.alive().length === 0, () => "a container of the older session still runs");
      await stage.until("a heartbeat of the new session", () =>
        heard.since(place, "beat").some(({ value }) => value.session === session),
      );
    },
  },
  {
    name: "goodbye-ends-the-session",
    source: "docs/fencing.md",
    promise: "the agent stops what runs, journals the session as closed, and only then says so",
    begins: "serving",
    run: async (stage) => {
      stage.spoil();
      const { heard, conduct } = stage.plane;
      const workload = stage.workload();
      await stage.running(workload);
      const place = heard.length;
      stage.agent.signal("SIGTERM");
      const { value: goodbye } = await stage.heardAfter(place, "goodbye");
      expectThat(workload.alive().length === 0, () => "a container still ran at the goodbye");
      expectThat(goodbye.session === conduct.session, () => `it said goodbye for session ${goodbye.session}`);
      const { code } = await stage.ended(10_000);
      expectThat(code === 0, () => `it ended with exit code ${code}`);
    },
  },
  {
    name: "goodbye-repeated-after-a-restart",
    source: "docs/fencing.md",
    promise:
      "Should it start again before the goodbye has arrived, it still obeys nothing of that session, and repeats the goodbye.",
    begins: "serving",
    run: async (stage) => {
      stage.spoil();
      const { session } = stage.plane.conduct;
      stage.agent.signal("SIGTERM");
      await stage.ended(15_000);
      const place = stage.plane.heard.length;
      // The leader has not taken note, and offers the same session.
      stage.agent.start(null);
      const { value: goodbye } = await stage.heardAfter(place, "goodbye", STARTED_MS);
      expectThat(goodbye.session === session, () => `it said goodbye for session ${goodbye.session}, not ${session}`);
    },
  },
];
