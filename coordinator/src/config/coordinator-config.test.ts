import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { IDLE_IN_TRANSACTION_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from "../store/database-config.ts";
import { CONFIG_KEYS, type ConfigKeyName, configKeyNames, flagOf, LEADER_TTL_MIN_MS } from "./config-keys.ts";
import { configurationTable } from "./configuration-table.ts";
import { type ConfigInput, loadConfig, problemLine } from "./coordinator-config.ts";
import { describeConfig } from "./describe-config.ts";
import { runConfigValidate } from "./run-config-validate.ts";

const files = (contents: Record<string, string>) => (path: string) => {
  const text = contents[path];
  if (text === undefined) throw new Error(`ENOENT: no such file, open '${path}'`);
  return text;
};
const load = (input: Partial<ConfigInput> & { files?: Record<string, string> }) =>
  loadConfig({ argv: [], env: {}, cwd: "/srv", readFile: files(input.files ?? {}), ...input });
const configOf = (input: Parameters<typeof load>[0]) => {
  const outcome = load(input);
  if ("problems" in outcome) throw new Error(outcome.problems.map(problemLine).join("\n"));
  return outcome;
};
const problemsOf = (input: Parameters<typeof load>[0]) => {
  const outcome = load(input);
  return "problems" in outcome ? outcome.problems : [];
};

test("without anything set the defaults hold", () => {
  expect(configOf({}).config).toEqual({
    dataDir: "/srv/.lormas",
    httpListen: "127.0.0.1:8080",
    agentListen: "127.0.0.1:7443",
    adminEmail: "admin@lormas.local",
    adminPassword: null,
    databaseUrl: null,
    clusterName: "local",
    profile: "default",
    leaderTtlMs: 15000,
    logLevel: "info",
    publicUrl: null,
    publicTls: "auto",
    publicTlsCertFile: null,
    publicTlsKeyFile: null,
    apiCallsPerSecond: 200,
    production: false,
    instanceName: null,
    alertWebhookUrl: null,
    alertWebhookSecret: null,
    fenceHook: null,
    fenceHookTimeoutMs: 10000,
    auditRetentionDays: 400,
    signInProviders: null,
    secretKey: null,
    otherSecretKeys: null,
  });
});

/** Two valid ways to write each setting apart from one another. */
const samples: Record<ConfigKeyName, readonly [string, string, string]> = {
  dataDir: ["/a", "/b", "/c"],
  httpListen: ["127.0.0.1:1", "[::1]:2", "0.0.0.0:3"],
  agentListen: ["127.0.0.1:4", "[::1]:5", "0.0.0.0:6"],
  adminEmail: ["a@example.org", "b@example.org", "c@example.org"],
  adminPassword: ["password-aaaa", "password-bbbb", "password-cccc"],
  databaseUrl: ["postgres://a@h/d", "postgres://b@h/d", "postgresql://c@h/d"],
  clusterName: ["aa", "bb", "cc"],
  profile: ["lan", "fast", "large"],
  leaderTtlMs: ["2000", "3000", "4000"],
  logLevel: ["debug", "warn", "error"],
  publicUrl: ["https://a.example", "https://b.example", "https://c.example"],
  publicTls: ["own-ca", "off", "own-ca"],
  publicTlsCertFile: ["/a.pem", "/b.pem", "/c.pem"],
  publicTlsKeyFile: ["/a.key", "/b.key", "/c.key"],
  apiCallsPerSecond: ["0", "1", "100000"],
  production: ["true", "false", "true"],
  instanceName: ["a", "b", "c"],
  alertWebhookUrl: ["https://a.example/hook", "http://b.example:9/", "https://c.example/?q=1"],
  alertWebhookSecret: ["a secret of sixteen", "b secret of sixteen", "c secret of sixteen"],
  fenceHook: ["/a/fence", "/b/fence", "/c/fence"],
  fenceHookTimeoutMs: ["500", "600", "700"],
  auditRetentionDays: ["30", "90", "3650"],
  signInProviders: ["/a.yaml", "/b.yaml", "/c.yaml"],
  secretKey: ["a".repeat(64), "b".repeat(64), "c".repeat(64)],
  otherSecretKeys: ["d".repeat(64), `${"e".repeat(64)} ${"f".repeat(64)}`, "0".repeat(64)],
};

test("for every setting a flag wins over the environment, that over the file, that over the default", () => {
  const presence = fc.record(
    Object.fromEntries(configKeyNames.map((name) => [name, fc.tuple(fc.boolean(), fc.boolean(), fc.boolean())])),
  );
  fc.assert(
    fc.property(presence, (present) => {
      const argv = ["--config", "c.yaml"];
      const env: Record<string, string> = {};
      const inFile: Record<string, string> = {};
      const contents: Record<string, string> = {};
      const expected = new Map<ConfigKeyName, string>();
      for (const name of configKeyNames) {
        const [byFlag, byEnvironment, byFile] = present[name] as [boolean, boolean, boolean];
        const [flagText, envText, fileText] = samples[name];
        if (byFile) inFile[name] = fileText;
        if (byEnvironment) env[CONFIG_KEYS[name].env] = envText;
        if (byFlag && CONFIG_KEYS[name].secret) contents[`/srv/${name}.txt`] = `${flagText}\n`;
        if (byFlag) argv.push(`--${flagOf(name)}=${CONFIG_KEYS[name].secret ? `${name}.txt` : flagText}`);
        const written = byFlag ? flagText : byEnvironment ? envText : byFile ? fileText : CONFIG_KEYS[name].defaultText;
        if (written !== null) expected.set(name, written);
      }
      if (expected.get("production") === "true" && !expected.has("publicUrl")) return;
      const withFiles = expected.has("publicTlsCertFile");
      if (withFiles !== expected.has("publicTlsKeyFile")) return;
      const automatic = expected.get("publicTls") === "auto";
      if (withFiles ? !automatic : automatic && expected.get("httpListen") === "0.0.0.0:3") return;
      const { config } = configOf({ argv, env, files: { ...contents, "/srv/c.yaml": stringify(inFile) } });
      for (const name of configKeyNames) {
        if (name === "dataDir" && expected.get(name) === "./.lormas") continue;
        expect(config[name] === null ? undefined : String(config[name])).toBe(expected.get(name));
      }
    }),
    { numRuns: 500 },
  );
});

test("other machines are served over TLS alone, unless plain text is wished", () => {
  const refused = (env: Record<string, string>) => problemsOf({ env }).map(({ key }) => key);
  for (const listen of ["0.0.0.0:8080", ":8080", "[::]:1", "192.0.2.1:1", "lormas.example:1"]) {
    expect(refused({ LORMAS_HTTP_LISTEN: listen })).toEqual(["httpListen"]);
    expect(refused({ LORMAS_HTTP_LISTEN: listen, LORMAS_PUBLIC_TLS: "off" })).toEqual([]);
    expect(refused({ LORMAS_HTTP_LISTEN: listen, LORMAS_PUBLIC_TLS: "own-ca" })).toEqual([]);
  }
  for (const listen of ["127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"]) {
    expect(refused({ LORMAS_HTTP_LISTEN: listen })).toEqual([]);
  }
  const [problem] = problemsOf({ env: { LORMAS_HTTP_LISTEN: "0.0.0.0:8080" } });
  expect(problem && problemLine(problem)).toMatch(/nothing encrypts .* right would be: .*LORMAS_PUBLIC_TLS=off/);
});

test("certificate and key come together, with auto, and their paths start where the coordinator does", () => {
  const files = { LORMAS_PUBLIC_TLS_CERT_FILE: "c.pem", LORMAS_PUBLIC_TLS_KEY_FILE: "/k.pem" };
  const { config } = configOf({ env: { ...files, LORMAS_HTTP_LISTEN: "0.0.0.0:1" } });
  expect([config.publicTlsCertFile, config.publicTlsKeyFile]).toEqual(["/srv/c.pem", "/k.pem"]);
  const keysOf = (env: Record<string, string>) => problemsOf({ env }).map(({ key }) => key);
  expect(keysOf({ LORMAS_PUBLIC_TLS_CERT_FILE: "c" })).toEqual(["publicTlsKeyFile"]);
  expect(keysOf({ LORMAS_PUBLIC_TLS_KEY_FILE: "k" })).toEqual(["publicTlsCertFile"]);
  for (const mode of ["off", "own-ca"]) expect(keysOf({ ...files, LORMAS_PUBLIC_TLS: mode })).toEqual(["publicTls"]);
});

test("every problem is reported at once, with its key, its source and what would be right", () => {
  const problems = problemsOf({
    argv: ["--http-listen", "8080", "--nonsense", "--config", "c.yaml", "stray"],
    env: { LORMAS_LEADER_TTL_MS: "12", LORMAS_PROFILE: "quick", DATABASE_URL: "mysql://u:geheim@h/d" },
    files: { "/srv/c.yaml": "logLevel: loud\ncluster_name: x\nadminEmail: [a]\n" },
  });
  const lines = problems.map(problemLine);
  const named = problems.map(({ key, source }) => `${key} < ${source}`).sort();
  expect(named).toEqual(
    [
      "--nonsense < command line",
      "stray < command line",
      "httpListen < flag --http-listen",
      "leaderTtlMs < environment LORMAS_LEADER_TTL_MS",
      "profile < environment LORMAS_PROFILE",
      "databaseUrl < environment DATABASE_URL",
      "logLevel < file c.yaml (logLevel)",
      "cluster_name < file c.yaml",
      "adminEmail < file c.yaml",
    ].sort(),
  );
  expect(lines.find((line) => line.startsWith("cluster_name"))).toContain("did you mean clusterName?");
  expect(lines.find((line) => line.startsWith("httpListen"))).toContain("127.0.0.1:8080");
  expect(lines.join("\n")).not.toContain("geheim");
});

test("a secret may come from a file, named in the environment, the file or a flag, without its last line end", () => {
  const secrets = { "/srv/pw": "correct horse\n", "/srv/c.yaml": "adminPasswordFile: pw\n" };
  for (const input of [
    { env: { LORMAS_ADMIN_PASSWORD_FILE: "pw" } },
    { env: { LORMAS_CONFIG: "c.yaml" } },
    { argv: ["--admin-password-file", "pw"] },
  ]) {
    expect(configOf({ ...input, files: secrets }).config.adminPassword).toBe("correct horse");
  }
});

test("a secret on the command line, both ways at once, or in a missing file is refused", () => {
  expect(problemsOf({ argv: ["--admin-password", "x"] })[0]?.wanted).toContain("--admin-password-file FILE");
  const both = { LORMAS_ADMIN_PASSWORD: "password-aaaa", LORMAS_ADMIN_PASSWORD_FILE: "pw" };
  expect(problemsOf({ env: both }).map(({ key }) => key)).toEqual(["adminPassword"]);
  expect(problemsOf({ env: { DATABASE_URL_FILE: "gone" } })[0]?.problem).toContain("ENOENT");
  const yaml = "adminPassword: password-aaaa\nadminPasswordFile: pw\n";
  expect(problemsOf({ env: { LORMAS_CONFIG: "/c" }, files: { "/c": yaml } }).map(({ key }) => key)).toEqual([
    "adminPasswordFile",
  ]);
});

test("an unknown LORMAS_ variable is warned of, one of another part is not", () => {
  const env = { LORMAS_HTTP_LISTENN: "x", LORMAS_NODE_NAME: "n", LORMAS_TEST_REQUIRE: "1", LORMAS_LIFELINE_FD: "3" };
  const { warnings } = configOf({ env });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("LORMAS_HTTP_LISTENN");
  expect(warnings[0]).toContain("did you mean LORMAS_HTTP_LISTEN?");
});

test("a file that is missing, no YAML, no mapping or too long is refused; an empty one is fine", () => {
  const withFile = (text: string) => problemsOf({ argv: ["--config=c"], files: { "/srv/c": text } });
  expect(problemsOf({ argv: ["--config=c"] })[0]?.source).toBe("flag --config");
  expect(withFile("a: [")).toHaveLength(1);
  expect(withFile("- a")).toHaveLength(1);
  expect(withFile(`# ${"x".repeat(1 << 20)}`)).toHaveLength(1);
  expect(withFile("# nothing\n")).toEqual([]);
});

test("a flag without its value is refused and does not take the next flag for it", () => {
  expect(problemsOf({ argv: ["--data-dir"] })[0]?.problem).toBe("has no value");
  expect(problemsOf({ argv: ["--data-dir", "--production"] })[0]?.problem).toBe("has no value");
});

test("production needs an encrypted public address, and the two listeners two ports", () => {
  expect(problemsOf({ argv: ["--production"] }).map(({ key }) => key)).toEqual(["publicUrl"]);
  expect(problemsOf({ argv: ["--production", "--public-url=http://h"] }).map(({ key }) => key)).toEqual(["publicUrl"]);
  expect(configOf({ argv: ["--production", "--public-url=https://H:443/"] }).config.publicUrl).toBe("https://h");
  expect(problemsOf({ argv: ["--agent-listen=127.0.0.1:8080"] }).map(({ key }) => key)).toEqual(["agentListen"]);
  expect(configOf({ argv: ["--agent-listen=127.0.0.1:0", "--http-listen=127.0.0.1:0"] }).config.httpListen).toBe(
    "127.0.0.1:0",
  );
});

test("whatever is written, it is taken or refused with reasons, never thrown", () => {
  const words = fc.array(fc.oneof(fc.string(), fc.constantFrom("--config", "--production", "--data-dir", "-x", "--")));
  fc.assert(
    fc.property(words, fc.string(), (argv, text) => {
      const outcome = loadConfig({ argv, env: { LORMAS_CONFIG: "f" }, cwd: "/srv", readFile: () => text });
      if ("problems" in outcome) expect(outcome.problems.length).toBeGreaterThan(0);
      else expect(outcome.config.dataDir.startsWith("/")).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("a described configuration shows no secret", () => {
  const env = {
    LORMAS_ADMIN_PASSWORD: "geheim-1234-lang",
    DATABASE_URL: "postgres://u:geheim-5678@h/d?sslpassword=geheim-9",
  };
  const shown = JSON.stringify(describeConfig(configOf({ env }).config));
  expect(shown).not.toContain("geheim");
  expect(shown).toContain("postgres://u:***@h/d");
});

test("config validate says what holds and where it comes from, or all that is wrong, on the right stream", () => {
  const right = runConfigValidate(["--log-level=debug"], { LORMAS_ADMIN_PASSWORD: "geheim-1234-lang" });
  expect(right).toMatchObject({ exitCode: 0, stderr: "" });
  expect(right.stdout).toMatch(/logLevel +debug {2}\[flag --log-level\]/);
  expect(right.stdout).toMatch(/adminPassword +\*\*\* {2}\[environment LORMAS_ADMIN_PASSWORD\]/);
  expect(right.stdout).not.toContain("geheim");
  const wrong = runConfigValidate(["--log-level=loud", "--profile=x"], {});
  expect(wrong).toMatchObject({ exitCode: 2, stdout: "" });
  expect(wrong.stderr).toContain("2 problems");
});

test("a fence hook that may not be run is named with the reason and where it was set; without one no file is looked at", () => {
  const programProblem = (path: string) => (path === "/opt/fence" ? null : "does not exist");
  expect(configOf({ env: { LORMAS_FENCE_HOOK: "/opt/fence" }, programProblem }).config.fenceHook).toBe("/opt/fence");
  expect(configOf({ programProblem: () => "is looked at" }).config.fenceHook).toBeNull();
  const [problem] = problemsOf({ env: { LORMAS_FENCE_HOOK: "/opt/none" }, programProblem });
  expect(problem).toMatchObject({
    key: "fenceHook",
    source: "environment LORMAS_FENCE_HOOK",
    problem: '"/opt/none" does not exist',
  });
  expect(problemsOf({ env: { LORMAS_FENCE_HOOK: "fence" } })).toHaveLength(1);
  for (const ms of ["499", "300001", "1.5", "soon"]) {
    expect(problemsOf({ env: { LORMAS_FENCE_HOOK_TIMEOUT_MS: ms } }), ms).toHaveLength(1);
  }
});

test("a file of sign-in providers that is wrong is named before anything is started, by its absolute path", () => {
  const asked: string[] = [];
  const providersProblem = (path: string) => {
    asked.push(path);
    return path === "/srv/right.yaml" ? null : "names the provider a twice";
  };
  const right = configOf({ argv: ["--sign-in-providers=right.yaml"], providersProblem });
  expect([right.config.signInProviders, asked]).toEqual(["/srv/right.yaml", ["/srv/right.yaml"]]);
  expect(problemsOf({ argv: ["--sign-in-providers=wrong.yaml"], providersProblem })).toMatchObject([
    { key: "signInProviders", source: "flag --sign-in-providers", problem: "names the provider a twice" },
  ]);
  const real = runConfigValidate(["--sign-in-providers=/nowhere/providers.yaml"], {});
  expect([real.exitCode, real.stderr]).toEqual([
    2,
    expect.stringMatching(/signInProviders.*\/nowhere\/providers\.yaml/),
  ]);
});

test("docs/configuration.md lists every setting as it is", () => {
  const text = readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8");
  expect(text).toContain(configurationTable());
});

test("a leader's lease outlasts every lock that a stalled transaction of it can hold", () => {
  expect(LEADER_TTL_MIN_MS).toBeGreaterThan(STATEMENT_TIMEOUT_MS);
  expect(LEADER_TTL_MIN_MS).toBeGreaterThan(IDLE_IN_TRANSACTION_TIMEOUT_MS);
});
