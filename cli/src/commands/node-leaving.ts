import { NodeSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { type DryRunOptions, triable } from "./dry-run.ts";
import { withPrefix } from "./id-prefix.ts";

/** `lormas node revoke|rm`. */
export function addNodeLeavingCommands(group: Command, context: CliContext): void {
  apiCommand(
    group,
    "revoke <node>",
    "shut it out for good; its HA containers move once its lease is over",
    "lormas node revoke node-1",
  ).action(async (given: string, options: ApiOptions) => {
    const api = context.api(options);
    const { node } = await withPrefix(api, "node", given, "strict", (id) => api.nodes.revokeNode({ id }));
    if (node === undefined) return;
    if (options.output === "json") context.print(jsonText(NodeSchema, node, true));
    else {
      context.print(plainText(`${node.name} is shut out; its HA containers move once its lease is over`));
      context.warn(plainText(`Once it is dead: lormas node rm ${node.name}`));
    }
  });
  triable(apiCommand(group, "rm <node>", "take a dead node out of the fleet", "lormas node rm node-1")).action(
    async (given: string, options: ApiOptions & DryRunOptions) => {
      const api = context.api(options);
      const { dryRun: validateOnly = false } = options;
      const name = await withPrefix(api, "node", given, "strict", async (id) => {
        const { node } = await api.nodes.getNode({ id });
        await api.nodes.removeNode({ id: node?.id ?? id, validateOnly });
        return node?.name ?? id;
      });
      if (options.output === "json") context.print("{}");
      else if (validateOnly)
        context.print(plainText(`${name} would be taken out of the fleet; its name would be free`));
      else context.print(plainText(`${name} is no part of the fleet any more; its name is free`));
    },
  );
}
