import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemTimers, wallClock } from "../../clock/clock.ts";
import { testId, testSpec } from "../../node/test-command.ts";
import type { FoundImage, PullOrder } from "../container-runtime.ts";
import { DockerRuntime } from "./docker-runtime.ts";
import { engineProblem, TEST_IMAGE, TestEngine } from "./test-engine.ts";
import { TestRegistry } from "./test-registry.ts";

const problem = engineProblem();
const skip = problem !== null && process.env["LORMAS_TEST_REQUIRE"] !== "1";
const PASSWORD = "s3cret-of-the-robot";

let engine: TestEngine;
let registry: TestRegistry;
let runtime: DockerRuntime;
let image: string;
/** What its tag stands for before each test. */
let digest: string;

const spec = (of: string): WorkloadSpec => testSpec({ image: of, startup: { docker: "true" } });
const as = (username: string, password: string): PullOrder => ({
  logins: [{ server: registry.server, username, password }],
});
async function found(of: string, order: PullOrder = { logins: [] }): Promise<FoundImage> {
  let told: FoundImage | null = null;
  await runtime.prepare(spec(of), undefined, { ...order, found: (one) => (told = one) });
  return told ?? expect.fail("it told nothing");
}
/** Another image under the same tag. */
async function pushOther(): Promise<string> {
  const { docker } = engine;
  const container = await docker.createContainer({ Image: TEST_IMAGE, Cmd: ["true"] });
  try {
    await container.commit({ repo: "lormas-test", tag: "other", comment: String(process.hrtime.bigint()) });
  } finally {
    await container.remove();
  }
  return registry.push(docker, "lormas-test:other", "team/app", "v1");
}
const has = (of: string): Promise<boolean> =>
  engine.docker
    .getImage(of)
    .inspect()
    .then(
      () => true,
      () => false,
    );

describe.skipIf(skip)("a private registry", () => {
  beforeAll(async () => {
    engine = await TestEngine.start();
    registry = await TestRegistry.start({ name: "robot", password: PASSWORD });
    image = `${registry.server}/team/app:v1`;
    runtime = await DockerRuntime.open({
      socketPath: engine.socketPath,
      node: { nodeId: testId(), nodeName: "node-r", address: "127.0.0.1" },
      sharedDir: null,
      cgroupParents: null,
      timers: systemTimers,
      wall: wallClock,
      log: pino({ level: "silent" }),
    });
  }, 60_000);
  afterAll(async () => {
    await runtime?.close();
    await registry?.stop();
    await engine?.stop();
  }, 60_000);
  beforeEach(async () => {
    digest = await registry.push(engine.docker, TEST_IMAGE, "team/app", "v1");
    registry.asked.length = 0;
    await engine.docker
      .getImage(image)
      .remove({ force: true })
      .catch(() => undefined);
  });

  test("gives its image to the login that goes along with a pull, and to nobody else", async () => {
    await expect(runtime.prepare(spec(image))).rejects.toMatchObject({
      code: "image_unavailable",
      message: expect.stringContaining(`lormas registry add ${registry.server} --username NAME`),
    });
    // What is for another registry is not said to this one.
    const elsewhere = { logins: [{ server: "docker.io", username: "robot", password: PASSWORD }] };
    await expect(runtime.prepare(spec(image), undefined, elsewhere)).rejects.toMatchObject({
      code: "image_unavailable",
    });
    await runtime.prepare(spec(image), undefined, as("robot", PASSWORD));
    expect(await has(image)).toBe(true);
  });

  test("that refuses a login is named with who was refused and what to do, never with the password", async () => {
    const refused = await runtime.prepare(spec(image), undefined, as("robot", "wrong-password")).then(
      () => expect.fail("it was pulled"),
      (error: Error) => error,
    );
    expect(refused.message).toContain(`asked for as robot: look whether ${registry.server} takes that login`);
    expect(JSON.stringify([refused, refused.message, refused.cause])).not.toContain("wrong-password");
  });

  test("tells the digest that an image's name stands for, and gives that very image again where the name has moved on", async () => {
    const first = await found(image, as("robot", PASSWORD));
    expect(first).toEqual({ digest, note: "" });
    const second = await pushOther();
    // What is there does, unless the registry is to be asked.
    expect((await found(image)).digest).toBe(digest);
    expect(await found(image, { ...as("robot", PASSWORD), askRegistry: true })).toEqual({ digest: second, note: "" });
    const pinned = `${registry.server}/team/app@${digest}`;
    await engine.docker.getImage(pinned).remove({ force: true });
    expect((await found(pinned, as("robot", PASSWORD))).digest).toBe(digest);
    // By its digest it is run without a question, whatever became of the registry.
    registry.asked.length = 0;
    await found(pinned);
    expect(registry.asked).toEqual([]);
  });

  test("that has a digest no more is named with what to do, and one that cannot be asked is not needed for what is here", async () => {
    await found(image, as("robot", PASSWORD));
    const gone = `sha256:${"0".repeat(64)}`;
    await expect(found(`${registry.server}/team/app@${gone}`, as("robot", PASSWORD))).rejects.toMatchObject({
      code: "image_unavailable",
      message: expect.stringMatching(/has that digest no more: push it there again, or .*update CONTAINER --pull/),
    });
    const kept = await found(image, { logins: [], askRegistry: true });
    expect(kept).toEqual({ digest, note: expect.stringContaining("its registry could not be asked: image") });
    expect(await found(TEST_IMAGE)).toEqual({ digest: "", note: expect.stringContaining("not pinned: it was loaded") });
  });

  test("is not needed for an image that is on the node", async () => {
    await runtime.prepare(spec(image), undefined, as("robot", PASSWORD));
    registry.asked.length = 0;
    await runtime.prepare(spec(image));
    expect(registry.asked).toEqual([]);
  });
});
