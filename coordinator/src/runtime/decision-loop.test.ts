import { beforeEach, describe, expect, test } from "vitest";
import { Refusal } from "../domain/refusal.ts";
import { DecisionLoop, type DecisionLoopPorts } from "./decision-loop.ts";
import { type DecisionChanges, StaleTermError, UnstorableChangesError } from "./decision-store.ts";
import { FleetState } from "./fleet-state.ts";
import type { NodeFacts } from "./fleet-view.ts";
import { ManualClock } from "./manual-clock.ts";
import { ServedRequests } from "./request-scope.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

/** A commit under way, which the test ends. */
type Commit = { readonly changes: DecisionChanges; readonly end: () => void; readonly fail: (error: Error) => void };

let state: FleetState;
let commits: Commit[];
let acted: DecisionChanges[];
let broken: unknown[];
let term: number | null;
let loop: DecisionLoop;

const turn = () => new Promise((resolve) => setImmediate(resolve));
const code = (promise: Promise<unknown>) =>
  promise.then(
    (value) => value,
    (error: Refusal) => error.code ?? error,
  );
const add = (name: string) => (work: UnitOfWork) => work.addNode({ ...FACTS, id: name, name });

beforeEach(() => {
  state = new FleetState();
  commits = [];
  acted = [];
  broken = [];
  term = 1;
  loop = new DecisionLoop(ports(), 3);
});

const ports = (): DecisionLoopPorts => ({
  state,
  clock: new ManualClock(),
  term: () => term,
  store: {
    commit: (_, changes) =>
      new Promise((resolve, reject) => commits.push({ changes, end: () => resolve(), fail: (error) => reject(error) })),
  },
  afterCommit: (changes) => acted.push(changes),
  onBroken: (error) => broken.push(error),
});

describe("the decision loop", () => {
  test("lets nothing be seen, told or sent before the commit", async () => {
    let told = false;
    const decided = loop.submit(add("a")).then(() => {
      told = true;
    });
    await turn();
    expect(commits).toHaveLength(1);
    expect({ told, acted, inState: state.node("a") }).toEqual({ told: false, acted: [], inState: undefined });
    commits[0]?.end();
    await decided;
    expect(acted).toEqual([commits[0]?.changes]);
    expect(state.node("a")?.facts.name).toBe("a");
  });

  test("names what a decision records by its request, or by itself; what the commit sets off is of none", async () => {
    const requests = new ServedRequests();
    const served: (string | null)[] = [];
    loop = new DecisionLoop({ ...ports(), requests, afterCommit: () => served.push(requests.current()) }, 3);
    const say = (work: UnitOfWork) => {
      const event = { type: "x", severity: "info" as const, message: "", nodeId: null, containerId: null };
      work.addEvent({ ...event, migrationId: null, data: {} });
    };
    const decided = [
      requests.within("deploy-1", () => loop.submit(say).then(() => requests.current())),
      loop.submit(say).then(() => requests.current()),
      requests.within("deploy-2", () => loop.submit(say).then(() => requests.current())),
    ];
    await turn();
    commits[0]?.end();
    expect(await Promise.all(decided)).toEqual(["deploy-1", null, "deploy-2"]);
    const named = commits[0]?.changes.events.map(({ requestId }) => requestId);
    expect(named).toEqual(["deploy-1", "decision-1-1", "deploy-2"]);
    expect(served).toEqual([null]);
  });

  test("undoes a decision that throws, without a trace, while its neighbours commit", async () => {
    const first = loop.submit(add("a"));
    const refused = loop.submit((work) => {
      add("b")(work);
      work.addEvent({
        type: "x",
        severity: "info",
        message: "",
        nodeId: null,
        containerId: null,
        migrationId: null,
        data: {},
      });
      work.changeNode("a", { address: "changed" });
      throw new Refusal("name_taken", "taken", "choose another");
    });
    const bug = loop.submit(() => {
      throw new TypeError("a bug");
    });
    const answers = [code(refused), code(bug)];
    await turn();
    commits[0]?.end();
    await first;
    expect(await answers[0]).toBe("name_taken");
    expect(await answers[1]).toBeInstanceOf(TypeError);
    expect(commits).toHaveLength(1);
    expect(commits[0]?.changes.nodes.map(({ facts }) => [facts.id, facts.address])).toEqual([["a", ""]]);
    expect(commits[0]?.changes.events).toEqual([]);
    expect(state.node("b")).toBeUndefined();
  });

  test("one decision that the database refuses takes none of its neighbours along", async () => {
    const [first, poison, last] = [add("a"), add("b"), add("c")].map((decide) => loop.submit(decide));
    const refused = code(poison ?? Promise.resolve());
    await turn();
    const unstorable = new UnstorableChangesError(new Error("invalid byte sequence"));
    commits[0]?.fail(unstorable); // All three together.
    await turn();
    commits[1]?.end();
    await first;
    await turn();
    commits[2]?.fail(unstorable);
    expect(await refused).toBe(unstorable);
    await turn();
    commits[3]?.end();
    await last;
    expect([state.node("a"), state.node("b"), state.node("c")].map((node) => node?.facts.name)).toEqual([
      "a",
      undefined,
      "c",
    ]);
    expect(await code(loop.submit(() => 1).then(() => "still decides"))).toBe("still decides");
  });

  test("a later decision of the same transaction sees what the earlier ones decided", async () => {
    const first = loop.submit(add("a"));
    const seen = loop.submit((work) => work.node("a")?.facts.name);
    await turn();
    commits[0]?.end();
    await first;
    expect(await seen).toBe("a");
  });

  test("refuses one decision more than may wait, and takes it once there is room", async () => {
    const waiting = [loop.submit(add("a")), loop.submit(add("b")), loop.submit(add("c"))];
    await expect(loop.submit(add("d"))).rejects.toMatchObject({
      code: "busy",
      retryAfterMs: 1_000,
      message: "3 decisions wait already",
    });
    await turn(); // The three are being committed and wait no more.
    const later = loop.submit(add("d"));
    commits[0]?.end();
    await Promise.all(waiting);
    await turn();
    commits[1]?.end();
    await later;
    expect(state.node("d")).toBeDefined();
  });

  test("what is submitted while a run ends is taken up, in whichever turn that is", async () => {
    const taken: number[] = [];
    for (let turns = 0; turns < 12; turns++) {
      const loop = new DecisionLoop(ports());
      void loop.submit(() => 0);
      for (let left = turns; left > 0; left--) await Promise.resolve();
      void loop.submit(() => taken.push(turns));
      await turn();
    }
    expect(taken).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  test("what a caller submits the moment it is answered is taken up", async () => {
    const chain = loop.submit(add("a")).then(() => loop.submit(add("b")));
    await turn();
    commits[0]?.end();
    await turn();
    commits[1]?.end();
    await chain;
    expect(state.node("b")).toBeDefined();
  });

  test("after a commit of unknown outcome nothing is decided until it is mended", async () => {
    const lost = code(loop.submit(add("a")));
    await turn();
    const behind = code(loop.submit(add("b")));
    commits[0]?.fail(new Error("the connection broke"));
    expect(await lost).toBe("database_unavailable");
    expect(await behind).toBe("database_unavailable");
    expect(await code(loop.submit(add("c")))).toBe("database_unavailable");
    expect(broken).toMatchObject([{ message: "the connection broke" }]);
    expect({ commits: commits.length, acted }).toEqual({ commits: 1, acted: [] });
    expect([...state.nodes()]).toEqual([]);
    loop.mend();
    const again = loop.submit(add("c"));
    await turn();
    commits[1]?.end();
    await again;
    expect(state.node("c")).toBeDefined();
  });

  test("a deposed leader's callers are told that it does not lead", async () => {
    const deposed = code(loop.submit(add("a")));
    await turn();
    commits[0]?.fail(new StaleTermError(1));
    expect(await deposed).toBe("not_leader");
    expect(state.node("a")).toBeUndefined();
  });

  test.each([
    ["that was refused", new StaleTermError(1), "not_leader"],
    ["of unknown outcome", new Error("the connection broke"), "database_unavailable"],
  ])("a commit %s of a term that is over breaks nothing of the next one", async (_what, error, told) => {
    const late = code(loop.submit(add("a")));
    await turn();
    // This coordinator's lease runs out, it is elected anew and has read the state: whatever became of the commit is in it.
    term = 2;
    loop.mend();
    commits[0]?.fail(error);
    expect(await late).toBe(told);
    expect(broken).toEqual([]);
    const next = loop.submit(add("b"));
    await turn();
    commits[1]?.end();
    await next;
    expect(state.node("b")).toBeDefined();
  });

  test("decides nothing without the term, also what was submitted while it was held", async () => {
    const first = loop.submit(add("a"));
    await turn();
    const second = code(loop.submit(add("b")));
    term = null;
    commits[0]?.end();
    await first;
    expect(await second).toBe("not_leader");
    expect(await code(loop.submit(add("c")))).toBe("not_leader");
    expect(commits).toHaveLength(1);
  });

  test("what was submitted in a term that is over is not decided in the next one, which knows better", async () => {
    const hanging = code(loop.submit(add("a")));
    await turn();
    const behind = code(loop.submit(add("b")));
    term = 2;
    loop.mend();
    const present = loop.submit(add("c"));
    commits[0]?.fail(new StaleTermError(1));
    expect(await hanging).toBe("not_leader");
    expect(await behind).toBe("not_leader");
    await turn();
    commits[1]?.end();
    await present;
    expect([state.node("b"), state.node("c")].map((node) => node?.facts.name)).toEqual([undefined, "c"]);
  });

  test("a decision that changes nothing needs no commit", async () => {
    expect(await loop.submit(() => 42)).toBe(42);
    expect(commits).toEqual([]);
  });
});

const FACTS: NodeFacts = {
  id: "",
  name: "",
  clusterId: "local",
  schedulable: true,
  labels: {},
  revokedAtMs: null,
  guarded: true,
  runtimeReady: true,
  priority: 10,
  clockSound: true,
  peerAddress: "",
  address: "",
  runtime: "exec",
  architecture: "",
  platform: "",
  agentVersion: "",
  portPoolMin: 0,
  portPoolMax: 0,
  capacity: { cpuMillis: 1, memoryBytes: 1, diskBytes: 1 },
  certificateSerial: "",
  enrolledAtMs: 0,
};
