import { type Check, expectThat } from "../check.ts";
import { CORE_POLICY } from "../conduct.ts";
import { BACK_MS, type Stage } from "../stage.ts";

/** How many heartbeats come in a while. */
async function beatsWithin(stage: Stage, forMs: number): Promise<number> {
  const place = stage.plane.heard.length;
  await stage.clock.sleep(forMs);
  return stage.plane.heard.since(place, "beat").length;
}

/** What an agent says of itself, how often, and what it takes an answer for. */
export const HEARTBEAT_CHECKS: readonly Check[] = [
  {
    name: "hello-introduces-the-node",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "The first message must be a Hello; the answer is a Welcome.",
    begins: "serving",
    run: async (stage) => {
      const place = await stage.reconnected();
      const hello = (await stage.heardAfter(place, "hello", BACK_MS)).value;
      expectThat(hello.runtime === "exec", () => `its runtime is "${hello.runtime}", it was told exec`);
      expectThat(hello.address === "127.0.0.1", () => `its address is "${hello.address}", it was told 127.0.0.1`);
      const { cpuMillis = 0, memoryBytes = 0n, diskBytes = 0n } = hello.capacity ?? {};
      expectThat(cpuMillis > 0 && memoryBytes > 0n && diskBytes > 0n, () => "its capacity has a zero in it");
      expectThat(hello.portPoolMin <= hello.portPoolMax, () => "its port pool ends before it begins");
      const kinds = stage.plane.heard.kindsSince(place);
      expectThat(kinds.indexOf("hello") < kinds.indexOf("attach"), () => "it attached before its Hello");
    },
  },
  {
    name: "heartbeats-keep-their-interval",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "How often to send heartbeats, and what an Ack grants.",
    begins: "serving",
    run: async (stage) => {
      const { intervalMs } = stage.plane.conduct.policy;
      const due = 10;
      const count = await beatsWithin(stage, due * intervalMs);
      expectThat(count >= due / 2 && count <= due * 1.5, () => `${count} heartbeats came in the time of ${due}`);
      stage.plane.behave({ beat: () => undefined });
      const unanswered = await beatsWithin(stage, 5 * intervalMs);
      expectThat(unanswered >= 2, () => `${unanswered} heartbeats came in the time of 5, while none was acknowledged`);
    },
  },
  {
    name: "session-and-group-confirmed",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "The session that the agent's journal has confirmed.",
    begins: "serving",
    run: async (stage) => {
      const { session, epoch } = stage.plane.conduct;
      const place = stage.plane.heard.length;
      await stage.until("a heartbeat of the present session and voting group", () =>
        stage.plane.heard
          .since(place, "beat")
          .some(({ value }) => value.session === session && value.membershipEpoch === epoch),
      );
    },
  },
  {
    name: "last-acknowledgement-told",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "The sequence number of the last acknowledgement seen; 0 when none.",
    begins: "serving",
    run: async (stage) => {
      const { heard } = stage.plane;
      const place = heard.length;
      let last = 0n;
      stage.plane.behave({
        beat: (beat, ack) => {
          if (last !== 0n) return;
          last = beat.sequence;
          ack();
        },
      });
      await stage.until("a heartbeat that tells of it", () =>
        heard.since(place, "beat").some(({ value }) => last !== 0n && value.lastAckSeen === last),
      );
      const early = heard.since(place, "beat").find(({ value }) => value.lastAckSeen > last);
      expectThat(
        early === undefined,
        () => `it tells of acknowledgement ${early?.value.lastAckSeen}, sent was ${last}`,
      );
    },
  },
  {
    name: "no-lease-is-told-as-none",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "Milliseconds to the lease's soft end; 0 without a lease.",
    begins: "serving",
    run: async (stage) => {
      const { heard } = stage.plane;
      const softMs = stage.plane.conduct.policy.leaseMs / 2;
      await beatsWithin(stage, 400);
      const place = heard.length;
      stage.plane.behave({ beat: () => undefined });
      await stage.until(
        "a heartbeat without a lease",
        () => heard.since(place, "beat").some(({ value }) => value.remainingMs === 0 && value.heldForMs === 0),
        softMs + 1_000,
      );
      const odd = heard.since(place, "beat").find(({ value }) => value.remainingMs > softMs);
      expectThat(odd === undefined, () => `it told of ${odd?.value.remainingMs} ms to a soft end at ${softMs} ms`);
    },
  },
  {
    name: "new-voting-group-taken-up",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "Rises by one with every change; an agent never goes back.",
    begins: "serving",
    run: async (stage) => {
      const { heard, conduct } = stage.plane;
      const { epoch } = conduct;
      const confirms = (place: number, wanted: bigint) => () =>
        heard.since(place, "beat").some(({ value }) => value.membershipEpoch === wanted);
      const place = heard.length;
      stage.plane.behave({ epoch: epoch + 1n, policy: { ...CORE_POLICY, intervalMs: 400 } });
      await stage.until("a heartbeat that confirms the new epoch", confirms(place, epoch + 1n));
      const count = await beatsWithin(stage, 2_000);
      expectThat(count <= 7, () => `${count} heartbeats came in 2 s, with a new interval of 400 ms`);
      const back = heard.length;
      stage.plane.behave({ epoch });
      await stage.stays(`it went back to epoch ${epoch}`, () => !confirms(back, epoch)(), 1_400);
      stage.plane.behave({ epoch: epoch + 2n, policy: CORE_POLICY });
      await stage.until("a heartbeat that confirms the next epoch", confirms(back, epoch + 2n));
    },
  },
  {
    name: "lower-term-not-obeyed",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "The leader's term; an agent obeys no lower one than it has seen.",
    begins: "serving",
    run: async (stage) => {
      const { heard, conduct } = stage.plane;
      const refused = await stage.resultOf(stage.start(stage.workload(), { term: conduct.term - 1n }));
      expectThat(!refused.ok && refused.errorCode === "refused", () => `a command was answered "${refused.errorCode}"`);
      const place = heard.length;
      stage.plane.behave({ welcome: { term: conduct.term - 1n } });
      stage.plane.cut();
      await stage.heardAfter(place, "hello", BACK_MS);
      const obeyed = () => heard.since(place, "beat").length + heard.since(place, "attach").length === 0;
      await stage.stays("it served a coordinator whose Welcome named a lower term", obeyed, 1_000);
      stage.plane.calm();
      stage.plane.cut();
      await stage.heardAfter(heard.length, "inventory", BACK_MS);
    },
  },
];
