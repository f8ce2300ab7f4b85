import { parseArgs } from "node:util";
import { commitSeed } from "@lormas/chance/commit-seed.ts";
import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { chaosCampaign } from "./chaos/chaos-campaign.ts";
import { brokenPromises, chaosTable } from "./chaos/chaos-figures.ts";
import { Lab } from "./lab.ts";
import { makeFault, NAMED_FAULTS } from "./named-faults.ts";
import { CONTROL_HOST, type LabRecord, labFolder, labRecords, runsProduct } from "./state/lab-record.ts";
import { removeAbandonedLabs, removeLab } from "./state/lab-removal.ts";

/** Something that was asked for in a way that cannot be done; for people, without a stack. */
export class LabRefusal extends Error {}

const HOSTS_MAX = 20;
/** With two of them gone the others must still be a majority. */
const CHAOS_HOSTS_MIN = 4;
const MINUTES_MAX = 24 * 60;

/** Text of `lab help`. */
export function labUsage(): string {
  const faults = Object.entries(NAMED_FAULTS).map(([name, { says, argument }]) => {
    const shown = argument ? `${name} [${argument.defaultValue}]` : name;
    return `  ${shown.padEnd(20)}${says}${argument ? `; ${argument.name}` : ""}`;
  });
  return [
    "Real hosts on this machine, each with a Docker engine, an agent and a guard of its own.",
    "",
    "  npm run lab -- up [--hosts 4] [--profile default] [--clocks] [--detach]",
    "  npm run lab -- ls                      every lab and its hosts",
    "  npm run lab -- sh HOST [COMMAND…]      a command, or a shell, on a host",
    "  npm run lab -- fault HOST FAULT [N]    makes a fault; also: FAULT HOST [N]",
    "  npm run lab -- heal [HOST]             undoes every fault of a host, or of all",
    "  npm run lab -- down                    takes everything away",
    "  npm run lab -- chaos [--minutes 30] [--seed N] [--hosts 4]   a campaign of faults at random, on a lab of its own",
    "",
    `HOST is host-1, host-2, … or ${CONTROL_HOST}. With several labs say which: --lab ID.`,
    "",
    "Faults:",
    ...faults,
  ].join("\n");
}

const options = {
  hosts: { type: "string", default: "4" },
  profile: { type: "string", default: "default" },
  clocks: { type: "boolean", default: false },
  detach: { type: "boolean", default: false },
  minutes: { type: "string", default: "30" },
  seed: { type: "string", default: "1" },
  lab: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

/** Divides a command line before the command that a host is to run, whose words are not ours. */
function divided(argv: readonly string[]): { own: readonly string[]; command: readonly string[] } {
  const at = argv.indexOf("sh");
  return at < 0 ? { own: argv, command: [] } : { own: argv.slice(0, at + 2), command: argv.slice(at + 2) };
}

/** Runs one command of the lab; resolves with the exit code. `interrupted` resolves when the person wants it to end. */
export async function runLab(
  argv: readonly string[],
  say: (line: string) => void,
  interrupted: () => Promise<void>,
): Promise<number> {
  const { own, command } = divided(argv);
  const { values, positionals } = parse(own);
  const [verb = "help", ...rest] = positionals;
  if (values.help || verb === "help") {
    say(labUsage());
    return 0;
  }
  if (Object.hasOwn(NAMED_FAULTS, verb)) {
    const [host = "", argument] = rest;
    return await fault(chosen(values.lab), host, verb, argument, say);
  }
  switch (verb) {
    case "up":
      return await up(values, say, interrupted);
    case "chaos":
      return await chaos(values, say);
    case "down":
      return await down(values.lab, say);
    case "ls":
      return list(say);
    case "sh":
      return await Lab.open(chosen(values.lab))
        .machine(rest[0] ?? "")
        .run(command.length === 0 ? ["/bin/bash"] : ["/bin/sh", "-c", command.join(" ")]);
    case "fault": {
      const [host = "", name = "", argument] = rest;
      return await fault(chosen(values.lab), host, name, argument, say);
    }
    case "heal":
      return await heal(chosen(values.lab), rest[0], say);
    default:
      throw new LabRefusal(`there is no command ${verb}: see npm run lab -- help`);
  }
}

type Values = ReturnType<typeof parse>["values"];

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    throw new LabRefusal(`${error instanceof Error ? error.message : String(error)}: see npm run lab -- help`);
  }
}

/** How many hosts a lab is to have, and its profile. */
function size(values: Values): { hosts: number; profile: LabRecord["profile"] } {
  const hosts = Number(values.hosts);
  if (!Number.isInteger(hosts) || hosts < 1 || hosts > HOSTS_MAX) {
    throw new LabRefusal(`--hosts is ${values.hosts}: give a whole number from 1 to ${HOSTS_MAX}`);
  }
  const profile = Object.keys(LEASE_PROFILES).find((name) => name === values.profile) as LabRecord["profile"];
  if (profile === undefined) {
    throw new LabRefusal(`--profile is ${values.profile}: choose among ${Object.keys(LEASE_PROFILES).join(", ")}`);
  }
  return { hosts, profile };
}

async function up(values: Values, say: (line: string) => void, interrupted: () => Promise<void>): Promise<number> {
  const { hosts, profile } = size(values);
  await removeAbandonedLabs();
  const lab = await Lab.up({ hosts, kind: "hand", profile, clocks: values.clocks, told: (step) => say(`  ${step}`) });
  for (const line of described(lab)) say(line);
  if (values.detach) {
    say("It runs on by itself; npm run lab -- down takes it away.");
    return 0;
  }
  say("Ctrl-C takes it away.");
  await interrupted();
  say("Taking it away …");
  await lab.down();
  return 0;
}

/** Exit code 1: a promise was broken, or too little was tried. */
async function chaos(values: Values, say: (line: string) => void): Promise<number> {
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= MINUTES_MAX)) {
    throw new LabRefusal(`--minutes is ${values.minutes}: give a number up to ${MINUTES_MAX}`);
  }
  const seed = values.seed === "commit" ? commitSeed() : Number(values.seed);
  if (!Number.isSafeInteger(seed)) throw new LabRefusal(`--seed is ${values.seed}: give a whole number, or commit`);
  const { hosts, profile } = size(values);
  if (hosts < CHAOS_HOSTS_MIN) throw new LabRefusal(`--hosts is ${hosts}: chaos needs at least ${CHAOS_HOSTS_MIN}`);
  await removeAbandonedLabs();
  const lab = await Lab.up({ hosts, kind: "test", profile });
  try {
    say(`seed ${seed}, ${minutes} minutes, ${hosts} hosts, profile ${profile}`);
    const figures = await chaosCampaign({ lab, minutes, seed, told: say });
    for (const line of ["", ...chaosTable(figures)]) say(line);
    const broken = brokenPromises(figures, minutes);
    for (const line of broken) say(`BROKEN ${line}`);
    return broken.length > 0 ? 1 : 0;
  } finally {
    await lab.down();
  }
}

async function down(id: string | undefined, say: (line: string) => void): Promise<number> {
  await removeAbandonedLabs();
  const labs = labRecords().filter((record) => (id === undefined ? record.kind === "hand" : record.id === id));
  if (labs.length === 0 && id !== undefined) throw new LabRefusal(`there is no lab ${id}: see npm run lab -- ls`);
  for (const record of labs) {
    await removeLab(record);
    say(`Lab ${record.id} is gone.`);
  }
  if (labs.length === 0) say("There is no lab.");
  return 0;
}

function list(say: (line: string) => void): number {
  const labs = labRecords();
  if (labs.length === 0) say("There is no lab: npm run lab -- up makes one.");
  for (const record of labs) {
    if (!runsProduct(record)) {
      say(`Lab ${record.id}, a Docker Swarm made by the bench: ${[...record.managers, ...record.workers].join(", ")}`);
      continue;
    }
    const lab = Lab.open(record);
    say(`Lab ${record.id}, ${record.kind === "test" ? "made by a test" : `profile ${record.profile}`}`);
    for (const line of hostLines(lab)) say(line);
  }
  return 0;
}

async function fault(
  record: LabRecord,
  host: string,
  name: string,
  argument: string | undefined,
  say: (line: string) => void,
): Promise<number> {
  const says = await refusing(() => makeFault(Lab.open(record).machine(host), name, argument));
  say(`${host}: ${says}. npm run lab -- heal ${host} undoes it.`);
  return 0;
}

async function heal(record: LabRecord, host: string | undefined, say: (line: string) => void): Promise<number> {
  const lab = Lab.open(record);
  if (host === undefined) await lab.heal();
  else await refusing(() => lab.machine(host).heal());
  say(`${host ?? "Every host"} is healed.`);
  return 0;
}

/** What a machine or a fault cannot do is said to people as it stands. */
async function refusing<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw new LabRefusal(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** The lab that is meant: the one that is named, else the only one that a person has made. */
function chosen(id: string | undefined): LabRecord {
  const all = labRecords();
  if (all.some((record) => record.id === id && !runsProduct(record))) {
    throw new LabRefusal(`lab ${id} is a Docker Swarm of the bench, whose hosts take no faults: see npm run lab -- ls`);
  }
  const labs = all
    .filter(runsProduct)
    .filter((record) => (id === undefined ? record.kind === "hand" : record.id === id));
  const [only] = labs;
  if (only && labs.length === 1) return only;
  if (labs.length === 0) throw new LabRefusal("there is no lab: npm run lab -- up makes one");
  throw new LabRefusal(`there are several labs, say which with --lab: ${labs.map((record) => record.id).join(", ")}`);
}

function hostLines(lab: Lab): string[] {
  return lab.machines.map((machine) => {
    const services = machine === lab.control ? "coordinator, PostgreSQL" : "dockerd, agent, guard";
    return `  ${machine.name.padEnd(10)}${machine.address.padEnd(16)}${machine.isOn ? services : "off"}`;
  });
}

function described(lab: Lab): string[] {
  const { coordinator, record } = lab;
  return [
    "",
    `Lab ${record.id}, profile ${record.profile}`,
    ...hostLines(lab),
    "",
    `  Dashboard  ${coordinator.httpUrl}`,
    "  E-mail     admin@lormas.local",
    `  Password   ${record.adminPassword}`,
    `  Logs       ${labFolder(record.id)}/hosts`,
    "",
    "  In a second shell:",
    `    export LORMAS_URL=${coordinator.httpUrl} LORMAS_TOKEN_FILE=${coordinator.dataDir}/admin.token`,
    "    npx lormas node ls",
    "    npx lormas container create web --egg hello-http --ha",
    "    npm run lab -- sh host-2 docker ps",
    "    npm run lab -- cut host-2            pulls its cable",
    "    npm run lab -- heal host-2",
    "    npm run lab -- help                  every fault",
    "",
  ];
}
