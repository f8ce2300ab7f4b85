import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { FAILPOINT_VARIABLE } from "@lormas/wire/failpoints.ts";
import pino from "pino";
import manifest from "../package.json" with { type: "json" };
import { loadConfig, problemLine } from "./config/coordinator-config.ts";
import { runConfigValidate } from "./config/run-config-validate.ts";
import { hookFileProblem } from "./fencing/hook-file.ts";
import { providersProblem } from "./identity/oidc/provider-config.ts";
import { ConfigReload } from "./process/config-reload.ts";
import type { CoordinatorFailpoints } from "./process/coordinator-failpoints.ts";
import { onLifelineEnd } from "./process/lifeline.ts";
import { runCoordinator } from "./process/run-coordinator.ts";
import { systemClock } from "./runtime/system-clock.ts";

/** A stop that takes longer is ended by force: nothing acknowledged is lost by that, for everything is committed. */
const STOP_MAX_MS = 15_000;

const [first, second, ...rest] = process.argv.slice(2);
if (first === "config" && second === "validate") {
  const { exitCode, stdout, stderr } = runConfigValidate(rest, process.env);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = exitCode;
} else {
  await serve();
}

async function serve(): Promise<void> {
  // Where it was started: relative paths must mean the same whenever they are read.
  const cwd = process.cwd();
  const read = () =>
    loadConfig({
      argv: process.argv.slice(2),
      env: process.env,
      readFile: (path) => readFileSync(path, "utf8"),
      programProblem: hookFileProblem,
      providersProblem,
      cwd,
    });
  const outcome = read();
  if ("problems" in outcome) {
    const lines = outcome.problems.map((problem) => `  ${problemLine(problem)}`).join("\n");
    process.stderr.write(`The coordinator was not started, its configuration is wrong:\n${lines}\n`);
    process.exitCode = 2;
    return;
  }
  const { config, warnings } = outcome;
  const log = pino({ level: config.logLevel, base: null });
  for (const warning of warnings) log.warn(warning);
  const lifelineFd = process.env["LORMAS_LIFELINE_FD"] ? Number(process.env["LORMAS_LIFELINE_FD"]) : null;
  // One that comes during the start would end it otherwise.
  let reload: ConfigReload | null = null;
  let isAskedEarly = false;
  process.on("SIGHUP", () => {
    isAskedEarly = reload === null;
    void reload?.request();
  });
  try {
    const { stop, reconfigure, ...running } = await runCoordinator({
      config,
      clock: systemClock,
      random: { bytes: (count) => randomBytes(count), uuid: randomUUID },
      log,
      version: manifest.version,
      lifelineFd,
      failpoints: await failpointsIfAskedFor(log),
    });
    log.info({ httpUrl: running.httpUrl, agentAddress: running.agentAddress }, "coordinator ready");
    const { firstPassword, ...addresses } = running;
    process.send?.({
      type: "ready",
      ...addresses,
      adminEmail: config.adminEmail,
      ...(firstPassword ? { firstPassword } : {}),
    });
    if (firstPassword && !process.send) {
      process.stdout.write(`First password of ${config.adminEmail}, shown this once: ${firstPassword}\n`);
    }
    reload = new ConfigReload({ started: config, read, apply: reconfigure, log });
    if (isAskedEarly) void reload.request();
    let stopping = false;
    const end = (why: string): void => {
      if (stopping) return;
      stopping = true;
      reload = null;
      log.info({ why }, "coordinator stops");
      systemClock.schedule(STOP_MAX_MS, () => process.exit(1));
      void stop().then(() => process.exit(0));
    };
    process.on("SIGTERM", () => end("SIGTERM"));
    process.on("SIGINT", () => end("SIGINT"));
    // The supervisor was killed: nobody waits for an orderly end, and what is committed is safe.
    // Not process.exit, which waits for a file that is being written.
    onLifelineEnd(lifelineFd, () => process.kill(process.pid, "SIGKILL"));
  } catch (error) {
    log.fatal({ err: error }, "the coordinator could not start");
    process.stderr.write(
      `The coordinator could not start. ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exit(1);
  }
}

/** For tests alone: LORMAS_FAILPOINT makes this process die at a named point. */
async function failpointsIfAskedFor(log: pino.Logger): Promise<CoordinatorFailpoints | null> {
  const asked = process.env[FAILPOINT_VARIABLE];
  if (!asked) return null;
  log.warn({ [FAILPOINT_VARIABLE]: asked }, "THIS PROCESS KILLS OR STOPS ITSELF AT A FAILPOINT: for tests alone");
  const { coordinatorFailpoints } = await import("./process/coordinator-failpoints.ts");
  return coordinatorFailpoints(process.env, {
    kill: () => process.kill(process.pid, "SIGKILL"),
    stop: () => process.kill(process.pid, "SIGSTOP"),
  });
}
