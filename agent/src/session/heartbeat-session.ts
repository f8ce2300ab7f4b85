import { create } from "@bufbuild/protobuf";
import {
  type Ack,
  type Heartbeat,
  HeartbeatRequestSchema,
  type HeartbeatResponse,
  HeartbeatSchema,
  type Hello,
  type Resources,
  type Welcome,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { MembershipEpoch } from "@lormas/lease/membership.ts";
import type { BootClock, Timers } from "../clock/clock.ts";
import type { HeartbeatCall } from "./coordinator-client.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import { membershipFrom } from "./wire-membership.ts";

/** How long a coordinator may take to welcome an agent. */
const WELCOME_MS = 5_000;
/** Without an acknowledgement for this long, and at least a whole lease, the connection is given up. */
const SILENCE_MIN_MS = 2_000;

export type HeartbeatSessionOptions = {
  readonly call: HeartbeatCall;
  readonly hello: Hello;
  readonly lease: LeaseKeeper;
  readonly clock: BootClock;
  readonly timers: Timers;
  /** Numbers of this incarnation; every call gives a higher one, across streams. */
  readonly nextSequence: () => bigint;
  /** What the next heartbeat says besides the lease. */
  readonly facts: () => {
    session: bigint;
    usage: Resources;
    capacity?: Resources;
    guarded: boolean;
    runtimeReady: boolean;
    membershipEpoch: bigint;
    elapsedMs: bigint;
  };
  /** Says why a Welcome is not obeyed; null: it is. */
  readonly welcomed: (welcome: Welcome, membership: MembershipEpoch) => string | null;
  /** The voting group has a new epoch: it is journalled and taken up, and confirmed by the heartbeats after that. */
  readonly regrouped: (membership: MembershipEpoch) => void;
  /** Says why an Ack ends the stream; null: it counts when `grants` says so too. */
  readonly objection: (ack: Ack) => string | null;
  /** True when the Ack is of the session that this node has confirmed. */
  readonly grants: (ack: Ack) => boolean;
  readonly signal: AbortSignal;
};

/**
 * Runs one heartbeat stream until it ends, and answers why. A heartbeat goes out every interval, whether or not the one
 * before was acknowledged.
 */
export function heartbeatSession(options: HeartbeatSessionOptions): Promise<string> {
  const { call, lease, clock, timers } = options;
  return new Promise((resolve) => {
    let group: MembershipEpoch | null = null;
    let heardMs = clock.nowMs();
    let cancelNext = timers.after(WELCOME_MS, () => end(`no Welcome within ${WELCOME_MS} ms`));
    let ended = false;

    const end = (reason: string) => {
      if (ended) return;
      ended = true;
      cancelNext();
      options.signal.removeEventListener("abort", stop);
      call.cancel();
      resolve(reason);
    };
    const stop = () => end("the agent stops");
    options.signal.addEventListener("abort", stop, { once: true });

    let dueMs = 0;
    const beat = () => {
      if (ended || !group) return;
      const { policy } = group;
      const nowMs = clock.nowMs();
      const silentMs = nowMs - heardMs;
      if (silentMs > Math.max(SILENCE_MIN_MS, policy.leaseMs)) {
        end(`no acknowledgement for ${silentMs} ms`);
        return;
      }
      const sequence = options.nextSequence();
      const message: Heartbeat = create(HeartbeatSchema, { ...lease.confirmation(), ...options.facts(), sequence });
      // The time of sending is taken before the message leaves: a grant counted from it can only be too short.
      lease.sending(sequence);
      call.write(create(HeartbeatRequestSchema, { message: { case: "heartbeat", value: message } }));
      // As long as the journal lacks the group's new epoch, an acknowledgement grants by the old one, perhaps for less than
      // the new one's interval.
      const intervalMs = Math.min(policy.intervalMs, lease.lease.membership?.policy.intervalMs ?? policy.intervalMs);
      dueMs = Math.max(dueMs + intervalMs, nowMs);
      cancelNext = timers.after(dueMs - nowMs, beat);
    };

    const onWelcome = (welcome: Welcome) => {
      const offered = membershipFrom(welcome.membership);
      const problem = typeof offered === "string" ? offered : options.welcomed(welcome, offered);
      if (problem !== null || typeof offered === "string") {
        end(problem ?? "no voting group");
        return;
      }
      group = offered;
      heardMs = clock.nowMs();
      cancelNext();
      dueMs = heardMs;
      beat();
    };

    const onAck = (ack: Ack) => {
      if (!group) return;
      const problem = options.objection(ack);
      const offered = ack.membership ? membershipFrom(ack.membership) : group;
      if (problem !== null || typeof offered === "string") {
        end(problem ?? String(offered));
        return;
      }
      heardMs = clock.nowMs();
      // A failed guard is seen in `guarded`; a lost renewal is made up for by the next one.
      if (options.grants(ack)) lease.acknowledged(ack.sequence).catch((error: unknown) => end(String(error)));
      if (offered === group) return;
      options.regrouped(offered);
      group = offered;
      // A faster pace holds from now on: where the guard begins to kill with this epoch, its first deadline is one lease away.
      const soonMs = clock.nowMs() + offered.policy.intervalMs;
      if (soonMs >= dueMs) return;
      cancelNext();
      dueMs = soonMs;
      cancelNext = timers.after(offered.policy.intervalMs, beat);
    };

    call.on("data", ({ message }: HeartbeatResponse) => {
      if (ended) return;
      if (message.case === "welcome" && !group) onWelcome(message.value);
      else if (message.case === "ack") onAck(message.value);
    });
    call.on("error", (error: Error) => end(error.message));
    call.on("end", () => end("the coordinator ended the stream"));
    call.write(create(HeartbeatRequestSchema, { message: { case: "hello", value: options.hello } }));
  });
}
