// npm run bench: measures the product, each figure beside its reference in the same run. `--help` tells the options.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { inspect } from "node:util";
import { BenchUsageError, parseBenchArguments, USAGE } from "./frame/bench-arguments.ts";
import { BenchRun } from "./frame/bench-run.ts";
import { figureTable } from "./frame/figure-table.ts";
import { svgOf } from "./frame/line-plot.ts";
import { thisMachine } from "./frame/machine.ts";
import { type Findings, ratioOf, type Section } from "./frame/section.ts";
import { SECTIONS } from "./sections.ts";

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

if (process.argv.includes("--help")) {
  process.stdout.write(USAGE);
} else {
  try {
    await bench();
  } catch (error) {
    if (!(error instanceof BenchUsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    process.exitCode = 2;
  }
}

async function bench(): Promise<void> {
  const asked = parseBenchArguments(
    process.argv.slice(2),
    SECTIONS.map(({ name }) => name),
  );
  const sections = SECTIONS.filter(({ name }) => asked.only === null || asked.only.includes(name));
  if (asked.list) {
    for (const { name, measures } of sections) process.stdout.write(`${name.padEnd(16)} ${measures}\n`);
    return;
  }
  const machine = thisMachine();
  process.stdout.write(
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.system}, Node ${machine.node}, commit ${machine.commit}\n`,
  );
  const all: { section: Section; findings: Findings }[] = [];
  for (const section of sections) {
    const run = new BenchRun(asked.sizes, (line) => process.stderr.write(`  ${line}\n`));
    // One that cannot be measured says why, and the others are measured all the same.
    const findings = await measured(section, run).catch((error: unknown) => {
      process.stderr.write(`${section.name} was not measured: ${inspect(error)}\n`);
      process.exitCode = 1;
    });
    if (!findings) continue;
    all.push({ section, findings });
    process.stdout.write(`\n${section.name}: ${section.measures}\n${figureTable(findings.rows)}\n`);
    if (asked.plots !== null) {
      mkdirSync(asked.plots, { recursive: true });
      for (const plot of findings.plots) writeFileSync(join(asked.plots, `${plot.name}.svg`), svgOf(plot));
    }
    // After every section: what was measured is kept, whatever becomes of the next one.
    if (asked.json !== null) {
      mkdirSync(dirname(asked.json), { recursive: true });
      writeFileSync(
        asked.json,
        `${JSON.stringify({ machine, sizes: asked.sizes, sections: all.map(told) }, null, 2)}\n`,
      );
    }
  }
  if (all.some(({ findings }) => findings.rows.some(({ met }) => met === false))) process.exitCode = 1;
}

/** Runs one section; what it has started is ended however it ends, also by Ctrl-C. */
async function measured(section: Section, run: BenchRun): Promise<Findings> {
  const onSignal = (signal: keyof typeof SIGNALS): void => {
    process.stderr.write(`${signal}: cleaning up\n`);
    void run.end().finally(() => process.exit(SIGNALS[signal]));
  };
  for (const signal of Object.keys(SIGNALS)) process.once(signal, onSignal);
  try {
    return await section.run(run);
  } finally {
    await run.end();
    for (const signal of Object.keys(SIGNALS)) process.off(signal, onSignal);
  }
}

function told({ section, findings }: { section: Section; findings: Findings }) {
  const rows = findings.rows.map((row) => ({ ...row, ratio: ratioOf(row) }));
  return { name: section.name, measures: section.measures, rows, plots: findings.plots };
}
