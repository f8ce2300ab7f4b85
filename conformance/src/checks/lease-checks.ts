import { WorkloadState } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { type Check, expectThat } from "../check.ts";
import type { Conduct } from "../conduct.ts";
import { BACK_MS, STARTED_MS, type Stage } from "../stage.ts";
import type { Workload } from "../workload.ts";

/** Between the sending of a heartbeat and its note here, on a machine that is busy. */
const ON_ITS_WAY_MS = 500;
const LONG_LEASE_MS = 12_000;
/** For our own look at processes. */
const LOOK_MS = 150;

/** From now on the coordinator behaves so; answers when the last heartbeat was received that it has acknowledged. */
function withdrawn(stage: Stage, beat: Conduct["beat"]): number {
  stage.plane.behave({ beat });
  const last = stage.plane.heard.last("beat");
  expectThat(last !== undefined, () => "no heartbeat has come");
  return last.atMs;
}

/** Sees a container run on until its lease's hard end, and end within K of it. */
async function endsWithTheLease(stage: Stage, workload: Workload, grantedMs: number): Promise<void> {
  const { leaseMs, killMs } = stage.plane.conduct.policy;
  const latestMs = leaseMs + killMs + LOOK_MS;
  const leftMs = grantedMs + latestMs - stage.clock.bootMs();
  await stage.until(
    "the end of the HA container, L + K after its last lease",
    () => workload.alive().length === 0,
    leftMs,
  );
  const afterMs = Math.round(stage.clock.bootMs() - grantedMs);
  expectThat(
    afterMs >= leaseMs - ON_ITS_WAY_MS,
    () => `the HA container ended ${afterMs} ms after the last grant: its lease of ${leaseMs} ms was not over`,
  );
}

/** Starts an HA container, once the agent holds a lease. */
async function runningUnderLease(stage: Stage, workload: Workload, epoch = 1n): Promise<number> {
  const place = stage.plane.heard.length;
  const { leaseMs } = stage.plane.conduct.policy;
  await stage.until("a heartbeat under a lease", () =>
    stage.plane.heard.since(place, "beat").some(({ value }) => value.remainingMs > leaseMs / 4),
  );
  return stage.running(workload, { epoch });
}

const silence: Conduct["beat"] = () => undefined;

/** What an agent that runs HA containers promises besides. */
export const LEASE_CHECKS: readonly Check[] = [
  {
    name: "guarded-lease-told",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "True while a guard process holds this node's lease.",
    begins: "serving",
    run: async (stage) => {
      const softMs = stage.plane.conduct.policy.leaseMs / 2;
      const place = stage.plane.heard.length;
      const beats = () => stage.plane.heard.since(place, "beat").map(({ value }) => value);
      await stage.until("a guarded heartbeat under a lease", () =>
        beats().some(({ guarded, remainingMs, heldForMs }) => guarded && remainingMs > 0 && heldForMs > 1_000),
      );
      const odd = beats().find(({ remainingMs }) => remainingMs > softMs);
      expectThat(odd === undefined, () => `it told of ${odd?.remainingMs} ms to a soft end at ${softMs} ms`);
    },
  },
  {
    name: "no-start-without-a-lease",
    source: "docs/fencing.md",
    promise: "a start of an HA container only before the soft end",
    begins: "unenrolled",
    run: async (stage) => {
      stage.plane.behave({ beat: silence });
      await stage.enrolled();
      const ha = stage.workload({ ha: true });
      const refused = await stage.resultOf(stage.start(ha));
      expectThat(refused.errorCode === "no_lease", () => `the start was answered "${refused.errorCode}"`);
      expectThat(ha.starts().length === 0, () => "it was started all the same");
      await stage.running(stage.workload());
    },
  },
  {
    name: "grant-counts-from-the-sending",
    source: "docs/fencing.md",
    promise:
      "The leader's acknowledgement of it grants a lease that counts **from that sending**, however late the acknowledgement comes",
    begins: "unenrolled",
    run: async (stage) => {
      const { leaseMs } = stage.plane.conduct.policy;
      // Past the soft end when it comes: it grants nothing that a start could be obeyed under.
      stage.plane.behave({ beat: (_beat, ack) => void stage.clock.schedule(leaseMs * 0.6, ack) });
      const place = stage.plane.heard.length;
      await stage.enrolled();
      const beats = () => stage.plane.heard.since(place, "beat").map(({ value }) => value);
      await stage.until("a heartbeat that has seen an acknowledgement", () =>
        beats().some((beat) => beat.lastAckSeen > 0n),
      );
      const ha = stage.workload({ ha: true });
      const refused = await stage.resultOf(stage.start(ha));
      expectThat(refused.errorCode === "no_lease", () => `a start was answered "${refused.errorCode}", not "no_lease"`);
      const odd = beats().find(({ remainingMs }) => remainingMs > 0);
      expectThat(odd === undefined, () => `it told of a lease for ${odd?.remainingMs} ms more`);
      expectThat(ha.starts().length === 0, () => "it was started all the same");
    },
  },
  {
    name: "lease-ends-in-silence",
    source: "docs/fencing.md",
    promise: "**At the hard end** the guard begins to kill; within K nothing is left.",
    begins: "serving",
    run: async (stage) => {
      const { heard } = stage.plane;
      const ha = stage.workload({ ha: true });
      const plain = stage.workload();
      await runningUnderLease(stage, ha);
      await stage.running(plain);
      const grantedMs = withdrawn(stage, silence);
      await endsWithTheLease(stage, ha, grantedMs);
      expectThat(plain.alive().length === 1, () => "a container that is not HA was ended, too");
      const place = heard.length;
      // Still silent: who comes back to such a coordinator has no lease.
      stage.plane.cut();
      await stage.heardAfter(place, "inventory", BACK_MS);
      const refused = await stage.settled(stage.start(ha, { epoch: 2n }));
      expectThat(refused.errorCode === "no_lease", () => `a start was answered "${refused.errorCode}", not "no_lease"`);
      expectThat(ha.starts().length === 1, () => "it was started again without a lease");
      stage.plane.calm();
      await runningUnderLease(stage, ha, 3n);
    },
  },
  {
    name: "lease-ends-when-cut-off",
    source: "docs/fencing.md",
    promise: "it kills within L + K",
    begins: "serving",
    run: async (stage) => {
      const ha = stage.workload({ ha: true });
      await runningUnderLease(stage, ha);
      const grantedMs = withdrawn(stage, silence);
      stage.plane.behave({ open: false });
      stage.plane.cut();
      await endsWithTheLease(stage, ha, grantedMs);
      await stage.stays("it was started again with nobody there", () => ha.alive().length === 0, 1_500);
      stage.plane.calm();
      await stage.heardAfter(stage.plane.heard.length, "inventory", BACK_MS);
    },
  },
  {
    name: "repeated-acknowledgement-extends-nothing",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "Its send time, noted by the agent, is what the acknowledged lease counts from.",
    begins: "serving",
    run: async (stage) => {
      const ha = stage.workload({ ha: true });
      await runningUnderLease(stage, ha);
      const old = stage.plane.heard.last("beat")?.value.sequence ?? 0n;
      const grantedMs = withdrawn(stage, (_beat, ack) => ack({ sequence: old }));
      await endsWithTheLease(stage, ha, grantedMs);
    },
  },
  {
    name: "acknowledgement-of-another-session-grants-nothing",
    source: "docs/fencing.md",
    promise: "New leases are only granted in the new session.",
    begins: "serving",
    run: async (stage) => {
      stage.spoil();
      const ha = stage.workload({ ha: true });
      await runningUnderLease(stage, ha);
      const { session } = stage.plane.conduct;
      const grantedMs = withdrawn(stage, (_beat, ack) => ack({ session: session + 1n }));
      await endsWithTheLease(stage, ha, grantedMs);
    },
  },
  {
    name: "guard-kills-for-a-dead-agent",
    source: "docs/fencing.md",
    promise: "kills at the deadline, asking nobody",
    begins: "serving",
    run: async (stage) => {
      stage.spoil();
      const ha = stage.workload({ ha: true });
      await runningUnderLease(stage, ha);
      const grantedMs = withdrawn(stage, silence);
      stage.agent.signal("SIGKILL");
      await stage.ended(5_000);
      await endsWithTheLease(stage, ha, grantedMs);
    },
  },
  {
    name: "guard-kills-beside-a-stopped-agent",
    source: "docs/fencing.md",
    promise: "The agent enforces the same deadline in the same way, freezing included: one of the two alive is enough.",
    begins: "serving",
    run: async (stage) => {
      const ha = stage.workload({ ha: true });
      await runningUnderLease(stage, ha);
      const grantedMs = withdrawn(stage, silence);
      stage.agent.signal("SIGSTOP");
      try {
        await endsWithTheLease(stage, ha, grantedMs);
      } finally {
        stage.plane.calm();
        stage.agent.signal("SIGCONT");
      }
      const place = stage.plane.heard.length;
      await stage.until(
        "a heartbeat under a new lease",
        () => stage.plane.heard.since(place, "beat").some(({ value }) => value.guarded && value.remainingMs > 0),
        BACK_MS,
      );
    },
  },
  {
    name: "killed-agent-adopts-under-the-same-lease",
    source: "docs/join-a-host.md",
    promise: "its containers run on under the guard",
    begins: "serving",
    run: async (stage) => {
      stage.spoil();
      const { epoch, policy } = stage.plane.conduct;
      // The next run must be there before the lease ends, on a busy machine too.
      stage.plane.behave({ epoch: epoch + 1n, policy: { ...policy, leaseMs: LONG_LEASE_MS } });
      const ha = stage.workload({ ha: true });
      const pid = await runningUnderLease(stage, ha, 2n);
      stage.agent.signal("SIGKILL");
      await stage.ended(5_000);
      const place = stage.plane.heard.length;
      stage.agent.start(null);
      const { value: inventory } = await stage.heardAfter(place, "inventory", STARTED_MS);
      const told = inventory.workloads.find(({ containerId }) => containerId === ha.id);
      expectThat(
        told?.state === WorkloadState.RUNNING && told.epoch === 2n,
        () => "the next run's inventory does not tell of what runs",
      );
      const runsOn = () => ha.alive().includes(pid) && ha.starts().length === 1;
      await stage.stays("it did not run on as the same process", runsOn, LONG_LEASE_MS + policy.killMs);
    },
  },
];
