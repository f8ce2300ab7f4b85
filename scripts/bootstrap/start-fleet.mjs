import { join } from "node:path";
import { formatAncestors, npmAncestors } from "../../cli/src/up/npm-ancestors.mjs";
import { pinnedNode, repositoryRoot } from "../bootstrap.mjs";
import { buildUiWhenStale } from "./build-ui.mjs";
import { installWhenStale } from "./install.mjs";
import { OwnedChildren } from "./owned-children.mjs";

/**
 * Installs what the lock file says, builds the UI when it is stale, then runs `lormas up`.
 * @param {string[]} args what follows `npm start --`
 * @returns {Promise<number>} the exit code
 */
export async function startFleet(args) {
  const root = repositoryRoot;
  // Taken first: whoever ends npm during a long installation ends that as well.
  const ancestors = npmAncestors(process.pid);
  const children = new OwnedChildren(ancestors);
  try {
    if (!(await installWhenStale(root, children))) return 1;
    if (!(await buildUiWhenStale(root, children))) return 1;
    return await children.runToEnd(pinnedNode(root), [join(root, "cli", "src", "main.ts"), "up", ...args], {
      cwd: root,
      env: {
        // As in cli/bin/lormas: what was compiled once is kept.
        NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "lormas"),
        ...process.env,
        LORMAS_ANCESTORS: formatAncestors(ancestors),
      },
    });
  } finally {
    children.close();
  }
}
