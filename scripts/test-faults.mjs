// npm run test:faults: installs what is missing, then runs the fault campaigns under the pinned Node (fault-run.ts).
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ensureDependencies, pinnedNode, repositoryRoot } from "./bootstrap.mjs";

ensureDependencies();
const runner = join(repositoryRoot, "scripts", "fault-run.ts");
const child = spawn(pinnedNode(), [runner, ...process.argv.slice(2)], { cwd: repositoryRoot, stdio: "inherit" });
// The terminal sends Ctrl-C to the whole group: the runner cleans up and ends, this one only waits for it.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code) => process.exit(code ?? 1));
