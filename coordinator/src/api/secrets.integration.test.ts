import { inspect } from "node:util";
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { ContainerType, ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  AccessService,
  AuditService,
  ContainerService,
  EggService,
  EventService,
  JobService,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PlainWorkloadSpec } from "../domain/workload.ts";
import { helloHttp } from "../eggs/builtin/hello-http.ts";
import type { OutboundCommand } from "../runtime/agent-link.ts";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { testKeyring } from "../secrets/test-keyring.ts";
import { bearerTransport } from "./bearer-transport.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";

// The public plane on a real runtime with a real PostgreSQL; only the agents are simulated.
let rig: FleetRig;
let plane: RuntimePlaneRig;
let keyring: Keyring;
let containers: Client<typeof ContainerService>;
const sent: OutboundCommand[] = [];

beforeEach(async () => {
  keyring = testKeyring();
  rig = await fleetRig(2, undefined, { keyring });
  plane = await startRuntimePlaneRig(rig, keyring);
  containers = createClient(ContainerService, plane.transport);
  sent.length = 0;
  rig.agents.failing = (_, command) => {
    sent.push(command);
    return null;
  };
  await createClient(EggService, plane.transport).importEgg({ content: JSON.stringify(SHY) });
});
afterEach(async () => {
  await plane.close();
  await rig.close();
});

/** One variable that is not shown, one whose name says it, one that nothing says it of; one stands in the command line. */
const variable = { description: "", required: false, pattern: "" };
const SHY = {
  meta: { version: "LORMAS_v1" },
  ...helloHttp,
  id: "shy",
  startup: { exec: 'exec serve --key {{HIDDEN}} --greeting {{GREETING}} --of "$RCON_PASS"' },
  variables: [
    ...helloHttp.variables,
    { ...variable, name: "HIDDEN", defaultValue: "shy-default", userViewable: false },
    { ...variable, name: "RCON_PASS", defaultValue: "" },
    { ...variable, name: "MOTD", defaultValue: "welcome" },
    { ...variable, name: "LOCKED", defaultValue: "by the egg", userEditable: false },
  ],
};
const request = {
  ...{ name: "web", eggId: "shy", type: ContainerType.HA, resources: { cpuMillis: 100, memoryBytes: 16_777_216n } },
  environment: { GREETING: "good day", HIDDEN: "canary-hidden", RCON_PASS: "canary-named" },
  secretEnvironment: { MOTD: "canary-marked it's" },
};

/** Every value of every column that can hold text, of every table, as a dump would have them. */
async function dump(): Promise<string> {
  const em = rig.database.database.orm.em.fork();
  const columns = await em.execute<{ at: string; column: string }[]>(
    `select format('%I.%I', table_schema, table_name) as at, format('%I', column_name) as column
       from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
      where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
  );
  const lines: string[] = [];
  for (const { at, column } of columns) {
    const rows = await em.execute<{ value: string | null }[]>(`select ${column}::text as value from ${at}`);
    for (const { value } of rows) lines.push(`${at} ${column} ${value}`);
  }
  return lines.join("\n");
}
const leaks = async (text = "canary"): Promise<string[]> =>
  (await dump()).split("\n").filter((line) => line.includes(text));
const opened = (): PlainWorkloadSpec[] =>
  sent.flatMap(({ action, secretKey = null }) =>
    action.kind === "start" ? [keyring.openWorkload(action.workload.spec, secretKey)] : [],
  );
const refusal = async (call: Promise<unknown>): Promise<string> => {
  const error = ConnectError.from(
    await call.then(
      () => expect.fail("it was granted"),
      (thrown: unknown) => thrown,
    ),
  );
  const [detail] = error.findDetails(ErrorDetailSchema);
  return `${detail?.code} ${detail?.field}: ${detail?.message}`;
};

test("no secret stands in any column of the database, and the agent gets every one", async () => {
  await containers.createContainer(request);
  await rig.pass(300);
  await containers.migrateContainer({ id: "web" });
  await rig.pass(300);
  await containers.stopContainer({ id: "web" });
  await rig.pass(300);
  await containers.updateContainer({ id: "web", setSecretEnvironment: { GREETING: "canary-later" } });
  await containers.startContainer({ id: "web" });
  await rig.pass(300);
  // The dump sees what is not secret.
  expect(await leaks("good day")).not.toEqual([]);
  expect(await leaks()).toEqual([]);
  const [first, , last] = opened();
  expect(first?.env).toMatchObject({ ...request.environment, ...request.secretEnvironment });
  expect(first?.startup).toEqual({ exec: `exec serve --key 'canary-hidden' --greeting 'good day' --of "$RCON_PASS"` });
  expect(last?.env).toMatchObject({ GREETING: "canary-later", HIDDEN: "canary-hidden" });
  expect(last?.startup["exec"]).toContain("--greeting 'canary-later'");
  // Its key goes with it: what is left of its commands opens nowhere.
  await containers.deleteContainer({ id: "web" });
  await rig.pass(300);
  expect(await rig.database.database.orm.em.fork().execute("select 1 from container_key")).toEqual([]);
});

test("what a container printed before it failed stands nowhere with a secret in it, nor does anybody see one", async () => {
  const message = "it ended; its last output: + serve --key canary-hidden | canary-marked it's | canary-na; look at it";
  rig.agents.failing = (_, { action }) => (action.kind === "start" ? { code: "start_failed", message } : null);
  await containers.createContainer(request);
  await rig.pass(60_000);
  const shown = "it ended; its last output: + serve --key *** | *** | ***; look at it";
  expect((await containers.getContainer({ id: "web" })).container?.statusReason).toContain(shown);
  const { jobs } = await createClient(JobService, plane.transport).listJobs({});
  expect(jobs.map(({ error }) => error)).toEqual([expect.stringContaining(shown)]);
  expect(await leaks()).toEqual([]);

  // What agents say unasked: that it has ended, and what they find when they come back.
  rig.agents.failing = () => null;
  await containers.startContainer({ id: "web" });
  await rig.pass(300);
  const found = rig.runtime().state.containerByName("web") ?? expect.fail();
  const nodeId = found.snapshot.context.placement?.nodeId ?? "";
  const agent = rig.agents.nodes.get(nodeId) ?? expect.fail();
  const said = {
    ...{ containerId: found.facts.id, session: agent.session },
    exitCode: null,
    detail: "of canary-named",
  };
  const { intake } = rig.runtime();
  const epoch = found.snapshot.context.lastEpoch;
  await intake.report(nodeId, agent.incarnation, { ...said, epoch, state: "unhealthy" });
  expect((await containers.getContainer({ id: "web" })).container?.statusReason).toBe("of ***");
  await intake.inventory(nodeId, agent.incarnation, agent.session, [{ ...said, epoch, state: "exited" }]);
  expect(await leaks("web does not run: of ***")).not.toEqual([]);
  expect(await leaks()).toEqual([]);
});

test("a default that the egg does not show is sealed, too, and what is empty is no secret", async () => {
  const { container } = await containers.createContainer({
    ...request,
    environment: { RCON_PASS: "" },
    secretEnvironment: {},
  });
  await rig.pass(300);
  expect(container).toMatchObject({ environment: { RCON_PASS: "" }, secretNames: [] });
  // The default itself is part of the egg, which everybody shares; that this container has it is said nowhere.
  const elsewhere = (await leaks("shy-default")).filter((line) => !/^public\.egg/.test(line));
  expect(elsewhere).toEqual([]);
  expect(opened()[0]?.env).toMatchObject({ HIDDEN: "shy-default", RCON_PASS: "" });
});

test("every answer, list, event, entry of the audit trail and export shows a mask in a secret's place", async () => {
  const shown = { GREETING: "good day", HIDDEN: "***", RCON_PASS: "***", MOTD: "***" };
  const secretNames = ["HIDDEN", "MOTD", "RCON_PASS"];
  const { container } = await containers.createContainer(request);
  expect(container).toMatchObject({ environment: shown, secretNames });
  await rig.pass(300);
  expect((await containers.listContainers({})).containers[0]).toMatchObject({ environment: shown, secretNames });
  await containers.stopContainer({ id: "web" });
  await rig.pass(300);
  await containers.updateContainer({ id: "web", setEnvironment: { HIDDEN: "canary-two" } });
  const told: string[] = [];
  for await (const answer of createClient(EventService, plane.transport).watch({ after: 0n })) {
    told.push(JSON.stringify(answer, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)));
    if (told.at(-1)?.includes("container.updated")) break;
  }
  expect(told.at(-1)).toContain("environment HIDDEN");
  expect(told.join()).not.toContain("canary");
  const audit = createClient(AuditService, plane.transport);
  const { entries } = await audit.listAuditEntries({ object: "web" });
  expect(entries.map(({ method }) => method)).toContain("ContainerService/UpdateContainer");
  for await (const { entry } of audit.exportAuditEntries({})) entries.push(entry ?? expect.fail());
  expect(inspect(entries, { depth: null })).not.toContain("canary");
});

test("the audit trail never holds a default that an egg hides, and tells no change of it that was none", async () => {
  const eggs = createClient(EggService, plane.transport);
  const hidden = { name: "KEY", defaultValue: "canary", userViewable: false };
  const open = { name: "OPEN", defaultValue: "seen" };
  const egg = { name: "Kept", category: "Web", startup: { exec: "serve" }, variables: [hidden, open] };
  await eggs.createEgg({ egg });
  await eggs.updateEgg({ id: "kept", egg: { ...egg, description: "New.", variables: [hidden, open] } });
  await eggs.updateEgg({ id: "kept", egg: { variables: [hidden] }, updateMask: ["variables"] });
  const { content } = await eggs.exportEgg({ id: "kept" });
  await eggs.importEgg({ content, replace: true, id: "kept" });
  const { entries } = await createClient(AuditService, plane.transport).listAuditEntries({ object: "kept" });
  const changed = entries.flatMap(({ after }) => (after === undefined ? [] : [Object.keys(after).toSorted()]));
  expect(changed.slice(0, 3)).toEqual([["etag"], ["etag", "variables"], ["description", "etag"]]);
  expect(inspect(entries, { depth: null })).toContain("seen");
  expect((await leaks()).filter((line) => !/^public\.egg/.test(line))).toEqual([]);
});

test("what is secret stays so until it is unset, and whatever is given is said to have changed", async () => {
  await containers.createContainer({ ...request, createStopped: true });
  const update = async (change: object) => (await containers.updateContainer({ id: "web", ...change })).container;
  const changed = async (): Promise<string[]> =>
    (
      await rig.database.database.orm.em
        .fork()
        .execute<{ message: string }[]>("select message from event where type = 'container.updated' order by sequence")
    ).map(({ message }) => message.split(": ")[1] ?? "");
  expect(await update({ setEnvironment: { MOTD: "canary-again" } })).toMatchObject({ environment: { MOTD: "***" } });
  // The same value once more is a change like any other: nobody learns by it that he has guessed it.
  await update({ setSecretEnvironment: { MOTD: "canary-again" } });
  await update({ setEnvironment: { MOTD: "canary-wrong" } });
  expect(await changed()).toEqual(["environment MOTD", "environment MOTD", "environment MOTD"]);
  await update({ unsetEnvironment: ["MOTD"] });
  expect(await update({ setEnvironment: { MOTD: "open" } })).toMatchObject({ environment: { MOTD: "open" } });
  expect(await leaks()).toEqual([]);
});

test("the mask is no value, and a name is given once", async () => {
  await containers.createContainer({ ...request, createStopped: true });
  expect(await refusal(containers.updateContainer({ id: "web", setEnvironment: { HIDDEN: "***" } }))).toBe(
    "invalid_argument set_environment.HIDDEN: set_environment.HIDDEN: *** stands for a secret that is not shown; it is no value.",
  );
  const twice = { ...request, name: "two", secretEnvironment: { GREETING: "x" } };
  expect(await refusal(containers.createContainer(twice))).toContain("GREETING is in environment as well");
});

test("a container of before secrets were sealed is read, masked, started and sealed with its next change", async () => {
  await containers.createContainer({ ...request, createStopped: true });
  const em = rig.database.database.orm.em.fork();
  await em.execute(
    `update container set environment = '{"RCON_PASS": "canary-old", "GREETING": "good day"}',
       spec = jsonb_set(jsonb_set(spec, '{env}', '{"RCON_PASS": "canary-old", "GREETING": "good day"}'), '{startup}', '{"exec": "true"}')`,
  );
  await em.execute("delete from container_key");
  await rig.restart();
  await plane.close();
  plane = await startRuntimePlaneRig(rig, keyring);
  containers = createClient(ContainerService, plane.transport);
  const { container } = await containers.getContainer({ id: "web" });
  expect(container).toMatchObject({
    environment: { RCON_PASS: "***", GREETING: "good day" },
    secretNames: ["RCON_PASS"],
  });
  expect(await leaks()).not.toEqual([]);
  await containers.updateContainer({ id: "web", resources: { cpuMillis: 200 } });
  expect(await leaks()).toEqual([]);
  await containers.startContainer({ id: "web" });
  await rig.pass(300);
  expect(opened().at(-1)?.env).toMatchObject({ RCON_PASS: "canary-old" });
});

test("whose master key is lost can be given its secrets anew", async () => {
  await containers.createContainer({ ...request, createStopped: true });
  await rig.database.database.orm.em.fork().execute("delete from container_key");
  await rig.restart();
  await plane.close();
  plane = await startRuntimePlaneRig(rig, testKeyring());
  containers = createClient(ContainerService, plane.transport);
  const grow = { id: "web", resources: { cpuMillis: 200 } };
  expect(await refusal(containers.updateContainer(grow))).toContain("does not open: the container's key is not there");
  const anew = { setSecretEnvironment: { HIDDEN: "canary-3", RCON_PASS: "canary-4", MOTD: "canary-5" } };
  await containers.updateContainer({ ...grow, ...anew });
  expect(await leaks()).toEqual([]);
});

test("a right guess of a secret is refused on a running container like a wrong one", async () => {
  await containers.createContainer(request);
  await rig.pass(300);
  for (const [name, secret] of [
    ["HIDDEN", "canary-hidden"],
    ["RCON_PASS", "canary-named"],
    ["MOTD", "canary-marked it's"],
  ] as const) {
    for (const field of ["setEnvironment", "setSecretEnvironment"]) {
      const guess = (value: string) => refusal(containers.updateContainer({ id: "web", [field]: { [name]: value } }));
      const wrong = await guess("a guess");
      expect(wrong).toContain("not_stopped");
      expect(await guess(secret)).toBe(wrong);
    }
  }
});

test("what an egg keeps from users is set by those who may override it where the container is, and masked for the others", async () => {
  const { url } = plane.plane;
  const access = createClient(AccessService, plane.transport);
  const as = async (name: string, role: string, container = "") => {
    const wish = container === "" ? { name, role } : { name, role: "none", grants: [{ role, container }] };
    const transport = bearerTransport(url, (await access.createToken(wish)).secret);
    return { containers: createClient(ContainerService, transport), eggs: createClient(EggService, transport) };
  };
  const developer = await as("dev", "developer");
  const stopped = { ...request, environment: {}, secretEnvironment: {}, createStopped: true };
  for (const [field, name] of [
    ["environment", "HIDDEN"],
    ["secretEnvironment", "HIDDEN"],
    ["environment", "LOCKED"],
  ] as const) {
    const said = await refusal(developer.containers.createContainer({ ...stopped, [field]: { [name]: "mine" } }));
    const proto = field === "environment" ? field : "secret_environment";
    expect(said).toBe(
      `permission_denied ${proto}.${name}: ${proto}.${name}: The egg shy keeps ${name} from users. ` +
        "token dev has the role developer, which does not grant egg:variable:override.",
    );
  }
  await developer.containers.createContainer({ ...stopped, environment: { GREETING: "good day" } });
  await containers.updateContainer({ id: "web", setEnvironment: { HIDDEN: "canary", LOCKED: "by the operator" } });

  const owner = await as("owner", "developer", "web");
  const update = (change: object, by = owner) => by.containers.updateContainer({ id: "web", ...change });
  await update({ setEnvironment: { GREETING: "good night" } });
  const { container } = await owner.containers.getContainer({ id: "web" });
  expect(container?.environment).toEqual({ GREETING: "good night", HIDDEN: "***", LOCKED: "by the operator" });
  // The value of the refusal's variable does not matter, right or wrong.
  for (const [change, field] of [
    [{ setEnvironment: { LOCKED: "by the operator" } }, "set_environment.LOCKED"],
    [{ setSecretEnvironment: { HIDDEN: "canary" } }, "set_secret_environment.HIDDEN"],
    [{ setSecretEnvironment: { HIDDEN: "guess" } }, "set_secret_environment.HIDDEN"],
    [{ setEnvironment: { GREETING: "x" }, unsetEnvironment: ["LOCKED"] }, "unset_environment.LOCKED"],
  ] as const) {
    expect(await refusal(update(change))).toMatch(new RegExp(`^permission_denied ${field}: .* on container web\\.$`));
  }
  expect((await owner.containers.getContainer({ id: "web" })).container).toEqual(container);

  const operator = await as("one-web", "operator", "web");
  await update({ unsetEnvironment: ["LOCKED"] }, operator);
  const defaultOf = async ({ eggs }: typeof owner) =>
    (await eggs.getEgg({ id: "shy" })).egg?.variables.find(({ name }) => name === "HIDDEN")?.defaultValue;
  expect(await Promise.all([defaultOf(owner), defaultOf(developer), defaultOf(operator)])).toEqual([
    ...["***", "***", "shy-default"],
  ]);
  const listed = (await owner.eggs.listEggs({})).eggs.flatMap(({ variables }) => variables);
  expect(listed.map(({ defaultValue }) => defaultValue)).not.toContain("shy-default");
  expect(await refusal(owner.eggs.exportEgg({ id: "shy" }))).toMatch(
    /^permission_denied id: .*hides the default of HIDDEN/,
  );
  expect((await operator.eggs.exportEgg({ id: "shy" })).content).toContain("shy-default");
});

test("a default that only the document still hides is not shown by the format that holds the document", async () => {
  const eggs = createClient(EggService, plane.transport);
  const hidden = { env_variable: "KEY", default_value: "canary", user_viewable: false, rules: "nullable" };
  const document = { meta: { version: "PTDL_v2" }, name: "Once", docker_images: { a: "box:1" }, startup: "run" };
  await eggs.importEgg({ content: JSON.stringify({ ...document, variables: [hidden] }) });
  const wish = { name: "exporter", role: "developer" };
  const { secret } = await createClient(AccessService, plane.transport).createToken(wish);
  const developer = createClient(EggService, bearerTransport(plane.plane.url, secret));
  const of = (format: string) => refusal(developer.exportEgg({ id: "once", format }));
  expect(await of("ptdl_v2")).toMatch(/^permission_denied id: .*The egg once hides the default of KEY/);
  await eggs.updateEgg({ id: "once", egg: { variables: [] }, updateMask: ["variables"] });
  expect(await of("lormas")).toMatch(/^permission_denied id: .*document that egg once came from hides .* KEY/);
  expect((await eggs.exportEgg({ id: "once", format: "lormas" })).content).toContain("canary");
  for (const format of ["", "ptdl_v1", "plcn_v3"]) {
    expect((await developer.exportEgg({ id: "once", format })).content).not.toContain("canary");
  }
});
