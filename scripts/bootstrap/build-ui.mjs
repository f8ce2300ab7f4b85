import { pinnedNode } from "../bootstrap.mjs";
import { uiIsStale } from "../ui-build.mjs";
import { withProgress } from "./progress.mjs";

// In a process of its own, so that a stop signal ends it.
const build = 'import { ensureUiBuilt } from "./scripts/ui-build.mjs"; ensureUiBuilt(process.cwd());';

/**
 * Builds the UI unless ui/build was made from the sources that are there.
 * @param {string} root
 * @param {import("./owned-children.mjs").OwnedChildren} children
 * @returns {Promise<boolean>} false when it failed; it has said why
 */
export async function buildUiWhenStale(root, children) {
  if (!uiIsStale(root)) return true;
  return await withProgress(
    "Building the dashboard",
    () => children.runStep(pinnedNode(root), ["--input-type=module", "-e", build], { cwd: root }),
    `see the message above; npm run build:ui in ${root} shows all of it`,
  );
}
