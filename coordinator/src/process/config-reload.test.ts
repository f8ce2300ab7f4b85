import { type Logger, pino } from "pino";
import { beforeEach, expect, test } from "vitest";
import { type ConfigOutcome, loadConfig } from "../config/coordinator-config.ts";
import { ConfigReload, PROBLEMS_LOGGED_MAX } from "./config-reload.ts";

type Line = Readonly<Record<string, unknown>>;

const FILE = "/srv/lormas.yaml";
let text: string;
let secret: string;
let lines: Line[];
let applied: string[];
let apply: () => Promise<void>;
let log: Logger;

const read = (): ConfigOutcome =>
  loadConfig({
    argv: ["--config", FILE],
    env: { LORMAS_ALERT_WEBHOOK_SECRET_FILE: "/srv/secret", LORMAS_ALERT_WEBHOOK_URL: "http://127.0.0.1:1/" },
    readFile: (path) => (path === FILE ? text : secret),
    cwd: "/srv",
  });

function started(): ConfigReload {
  const outcome = read();
  if ("problems" in outcome) return expect.fail(JSON.stringify(outcome.problems));
  return new ConfigReload({
    started: outcome.config,
    read,
    apply: async (config) => {
      await apply();
      applied.push(`${config.logLevel} ${config.apiCallsPerSecond} ${config.alertWebhookSecret}`);
    },
    log,
  });
}

beforeEach(() => {
  text = "logLevel: info";
  secret = "the first of the secrets";
  lines = [];
  applied = [];
  apply = async () => {};
  log = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
});

test("what can change while the coordinator runs is taken up together, from the file and from files of secrets", async () => {
  const reload = started();
  text = "logLevel: debug\napiCallsPerSecond: 7\n";
  secret = "the second of the secrets";
  await reload.request();
  expect(applied).toEqual(["debug 7 the second of the secrets"]);
  expect(lines).toMatchObject([{ changed: ["logLevel", "apiCallsPerSecond", "alertWebhookSecret"] }]);
  expect(JSON.stringify(lines)).not.toContain("of the secrets");
  await reload.request();
  expect(lines[1]).toMatchObject({ changed: [], msg: "the configuration was reloaded" });
});

test("one wrong setting, or one that needs a restart, refuses all of it, by name, reason and next step", async () => {
  const reload = started();
  text = "logLevel: loud\napiCallsPerSecond: 7\n";
  await reload.request();
  text = "logLevel: debug\nhttpListen: 127.0.0.1:9\nleaderTtlMs: 3000\n";
  await reload.request();
  expect(applied).toEqual([]);
  expect(lines.map(({ setting, source, reason }) => [setting, source, reason])).toEqual([
    ["logLevel", "file /srv/lormas.yaml (logLevel)", expect.stringContaining("is no log level")],
    [
      "httpListen",
      "file /srv/lormas.yaml (httpListen)",
      "is not what the coordinator runs with, and cannot change while it runs",
    ],
    [
      "leaderTtlMs",
      "file /srv/lormas.yaml (leaderTtlMs)",
      "is not what the coordinator runs with, and cannot change while it runs",
    ],
  ]);
  expect(lines[0]).toMatchObject({ wanted: "one of fatal, error, warn, info, debug, trace" });
  for (const { msg } of lines) expect(msg).toContain("nothing has changed: correct it and send SIGHUP again");
  // What was refused is not what runs: the same, corrected, is taken up.
  text = "logLevel: debug";
  await reload.request();
  expect(applied).toEqual(["debug 200 the first of the secrets"]);
});

test("settings of the first start alone may be taken out of the file again", async () => {
  text = "clusterName: hall-1\nadminEmail: ann@example.org\n";
  const reload = started();
  text = "logLevel: warn";
  await reload.request();
  expect(applied).toHaveLength(1);
});

test("what cannot be taken up leaves the coordinator as it was, and is tried again when it is asked to", async () => {
  const reload = started();
  apply = () => Promise.reject(new Error("the database does not answer"));
  text = "logLevel: debug";
  await reload.request();
  expect(lines).toMatchObject([{ level: 50, err: { message: "the database does not answer" } }]);
  apply = async () => {};
  await reload.request();
  expect(lines[1]).toMatchObject({ changed: ["logLevel"] });
});

test("what became of it is said whatever the log leaves out, before and after", async () => {
  log.level = "fatal";
  const reload = started();
  text = "logLevel: loud";
  await reload.request();
  expect(lines).toMatchObject([{ level: 50, setting: "logLevel" }]);
  apply = async () => {
    log.level = "error";
    log.info("of no interest any more");
  };
  text = "logLevel: error";
  await reload.request();
  expect(lines.slice(1)).toMatchObject([{ level: 30, msg: "the configuration was reloaded", changed: ["logLevel"] }]);
});

test("signals that come during an attempt are followed by one more, and problems without end are cut", async () => {
  const reload = started();
  let go: () => void = () => {};
  apply = () => new Promise((resolve) => (go = resolve));
  const first = reload.request();
  text = "apiCallsPerSecond: 9";
  apply = async () => {};
  const rest = [reload.request(), reload.request()];
  go();
  await Promise.all([first, ...rest]);
  expect(applied).toEqual(["info 200 the first of the secrets", "info 9 the first of the secrets"]);
  lines.length = 0;
  text = Array.from({ length: 500 }, (_, index) => `unknown${index}: 1`).join("\n");
  await reload.request();
  expect(lines).toHaveLength(PROBLEMS_LOGGED_MAX + 1);
  expect(lines.at(-1)).toMatchObject({ more: 500 - PROBLEMS_LOGGED_MAX });
});
