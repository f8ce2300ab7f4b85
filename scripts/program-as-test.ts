// Runs a program as one test of a campaign: node scripts/program-as-test.ts NAME FILE ARGUMENTS. It passed when the program
// ends with exit code 0; the tally goes to the path in env LORMAS_TALLY.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { EMPTY_TALLY, failure } from "./test-tally.ts";

const [name = "", ...args] = process.argv.slice(2);
const tallyPath = process.env["LORMAS_TALLY"];
const child = spawn(process.execPath, args, { stdio: "inherit" });
process.on("SIGTERM", () => child.kill("SIGTERM"));
const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
const tally = code === 0 ? { ...EMPTY_TALLY, passed: 1 } : failure(`${name}: exit code ${code}, see above`);
if (tallyPath !== undefined) writeFileSync(tallyPath, JSON.stringify(tally));
process.exitCode = code ?? 1;
