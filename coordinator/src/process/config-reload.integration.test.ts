import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "../store/test-database.ts";

// A coordinator as its host runs it: main.ts in a process of its own, settings in files, SIGHUP.

const READY_MS = 60_000;
const SECRET = "the secret of the receiver";

let database: TestDatabase;
let folder: string;
let coordinator: ChildProcess;
let httpUrl: string;
let output: string;
let receiver: Server;
let posted: { readonly text: string; readonly signature: unknown }[];

const file = (name: string): string => join(folder, name);
const settings = (text: string): void => writeFileSync(file("lormas.yaml"), text);
type Line = Readonly<Record<string, unknown>>;
const logged = (): Line[] =>
  output
    .split("\n")
    .slice(0, -1)
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Line);
const said = (words: string): Line[] => logged().filter(({ msg }) => String(msg).includes(words));
const soon = { timeout: 15_000, interval: 20 };

/** Resolves once the coordinator has said what it made of it. */
async function reload(words: string): Promise<void> {
  const before = said(words).length;
  coordinator.kill("SIGHUP");
  await expect.poll(() => said(words).length, soon).toBeGreaterThan(before);
}

beforeEach(async () => {
  database = await testDatabase();
  folder = mkdtempSync(join(tmpdir(), "lormas-reload-"));
  posted = [];
  receiver = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => {
      text += String(chunk);
    });
    request.on("end", () => {
      posted.push({ text, signature: request.headers["x-lormas-signature"] });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  writeFileSync(file("secret"), `${SECRET}\n`);
  settings("logLevel: info\n");
  output = "";
  coordinator = spawn(
    process.execPath,
    [fileURLToPath(new URL("../main.ts", import.meta.url)), "--config", file("lormas.yaml")],
    {
      env: {
        PATH: process.env["PATH"] ?? "",
        DATABASE_URL: database.url,
        LORMAS_DATA_DIR: file("data"),
        LORMAS_HTTP_LISTEN: "127.0.0.1:0",
        LORMAS_AGENT_LISTEN: "127.0.0.1:0",
        LORMAS_LIFELINE_FD: "3",
      },
      // The fourth is a lifeline: it does not outlive this test, however that ends.
      stdio: ["ignore", "pipe", "inherit", "pipe", "ipc"],
    },
  );
  coordinator.stdout?.on("data", (chunk: Buffer) => {
    // It is starting: a signal now must neither end it nor be lost.
    if (output === "") coordinator.kill("SIGHUP");
    output += chunk.toString();
  });
  httpUrl = await new Promise<string>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`it is not ready:\n${output}`)), READY_MS);
    coordinator.once("exit", () => reject(new Error(`it has ended:\n${output}`)));
    coordinator.once("message", (ready: { httpUrl: string }) => {
      clearTimeout(late);
      resolve(ready.httpUrl);
    });
  });
}, READY_MS + 30_000);

afterEach(async () => {
  const ended = new Promise((resolve) => coordinator.once("exit", resolve));
  if (coordinator.exitCode === null && coordinator.signalCode === null) {
    coordinator.kill("SIGTERM");
    await ended;
  }
  receiver.closeAllConnections();
  receiver.close();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** Statuses of so many calls at once of a token that is none, which its address is counted for. */
async function calls(count: number): Promise<number[]> {
  const headers = { authorization: "Bearer lormas_nobody" };
  const answers = Array.from({ length: count }, () => fetch(`${httpUrl}/api/v1/nodes`, { headers }));
  return (await Promise.all(answers)).map(({ status }) => status);
}

async function providers(): Promise<unknown> {
  return await (await fetch(`${httpUrl}/api/auth/providers`)).json();
}

test("SIGHUP takes up what can change while it runs, all of it or nothing", { timeout: 120_000 }, async () => {
  const { port } = receiver.address() as AddressInfo;
  // A transition that nobody was told of, because there was nobody.
  const alert = { kind: "node_dead", subject: { kind: "node", id: randomUUID() }, openedAt: 0, raisedAt: 0 };
  const { em } = database.database.orm;
  await em.fork().execute(
    `insert into alert_delivery (id, alert_id, transition, at, alert, attempts, last_error)
       values (?, ?, 'opened', now(), ?::jsonb, 0, '')`,
    [randomUUID(), randomUUID(), JSON.stringify({ ...alert, acknowledgedAt: null, resolvedAt: null })],
  );
  const idp = {
    id: "idp",
    label: "Our IdP",
    issuer: "https://idp.example.org",
    clientId: "lormas",
    clientSecretFile: "secret",
  };
  writeFileSync(file("providers.yaml"), JSON.stringify({ providers: [idp] }));
  const wanted = [
    ...["logLevel: debug", "apiCallsPerSecond: 1", "auditRetentionDays: 90"],
    ...[`alertWebhookUrl: http://127.0.0.1:${port}/`, `alertWebhookSecretFile: ${file("secret")}`],
    `signInProviders: ${file("providers.yaml")}`,
  ].join("\n");

  await expect.poll(() => said("was reloaded"), soon).toMatchObject([{ changed: [] }]);
  settings(`${wanted}\nleaderTtlMs: 3000\nproduction: perhaps\n`);
  await reload("was not reloaded");
  expect(said("was not reloaded")).toMatchObject([{ setting: "production", level: 50 }]);
  settings(`${wanted}\nleaderTtlMs: 3000\n`);
  await reload("was not reloaded");
  expect(said("was not reloaded")[1]).toMatchObject({ setting: "leaderTtlMs" });
  expect(await providers()).toEqual({ providers: [] });
  expect(await calls(20)).not.toContain(429);
  expect(logged().some(({ level }) => level === 20)).toBe(false);
  expect(posted).toEqual([]);

  settings(wanted);
  await reload("was reloaded");
  expect(said("was reloaded").slice(1)).toMatchObject([
    {
      changed: [
        ...["logLevel", "apiCallsPerSecond", "alertWebhookUrl", "alertWebhookSecret"],
        ...["auditRetentionDays", "signInProviders"],
      ],
    },
  ]);
  expect(output).not.toContain(SECRET);
  expect(await providers()).toEqual({ providers: [{ id: "idp", label: "Our IdP" }] });
  await expect.poll(() => posted.length, soon).toBe(1);
  const signature = `sha256=${createHmac("sha256", SECRET)
    .update(posted[0]?.text ?? "")
    .digest("hex")}`;
  expect(posted[0]).toMatchObject({ text: expect.stringContaining('"node_dead"'), signature });
  expect((await calls(20)).filter((status) => status === 429).length).toBeGreaterThanOrEqual(10);
  await expect.poll(() => logged().some(({ level }) => level === 20), soon).toBe(true);
  expect(await em.fork().execute("select days from audit_retention")).toEqual([{ days: 90 }]);

  // What the database holds of it is only asked for where it changes: one that is away keeps nothing else from being taken up.
  await em.fork().execute("alter table audit_retention rename to away");
  settings(wanted.replace("apiCallsPerSecond: 1", "apiCallsPerSecond: 1000"));
  await reload("was reloaded");
  expect(await calls(20)).not.toContain(429);
  settings(wanted.replace("auditRetentionDays: 90", "auditRetentionDays: 80"));
  await reload("was not reloaded");
  await em.fork().execute("alter table away rename to audit_retention");
  await reload("was reloaded");
  expect(await em.fork().execute("select days from audit_retention")).toEqual([{ days: 80 }]);

  // The file that a setting names counts, too, whether or not the setting is another one.
  writeFileSync(file("providers.yaml"), JSON.stringify({ providers: [] }));
  await reload("was reloaded");
  expect(await providers()).toEqual({ providers: [] });
  writeFileSync(file("providers.yaml"), "{");
  await reload("was not reloaded");
  expect(said("was not reloaded").at(-1)).toMatchObject({ setting: "signInProviders" });
  const { pid } = JSON.parse(readFileSync(join(folder, "data", "run", "coordinator.json"), "utf8")) as { pid: number };
  expect(pid).toBe(coordinator.pid);
});
