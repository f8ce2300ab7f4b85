import { staleDependencies } from "../bootstrap.mjs";
import { withProgress } from "./progress.mjs";

/**
 * Runs `npm ci` unless node_modules is what package-lock.json says.
 * @param {string} root
 * @param {import("./owned-children.mjs").OwnedChildren} children
 * @returns {Promise<boolean>} false when it failed; it has said why
 */
export async function installWhenStale(root, children) {
  const reason = staleDependencies(root);
  if (reason === undefined) return true;
  const [command, args] = npmCommand(["ci", "--no-audit", "--no-fund", "--loglevel=error"], process.env);
  return await withProgress(
    `Installing what package-lock.json says (${reason})`,
    () => children.runStep(command, args, { cwd: root }),
    "check the network and the message above, then run npm start again",
  );
}

/**
 * How to run npm: with the Node that npm itself runs on, not with the pinned one below node_modules, because an
 * installation removes that.
 */
export function npmCommand(args, env) {
  if (env.npm_execpath !== undefined && env.npm_node_execpath !== undefined) {
    return [env.npm_node_execpath, [env.npm_execpath, ...args]];
  }
  return [process.platform === "win32" ? "npm.cmd" : "npm", args];
}
