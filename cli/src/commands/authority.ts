import { type Authority, AuthoritySchema, RotationPhase } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { type Column, factLines, tableLines } from "../output/table.ts";
import { timeText } from "../output/wording.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";

const WORDS: Readonly<Record<RotationPhase, string>> = {
  [RotationPhase.UNSPECIFIED]: "unknown",
  [RotationPhase.STEADY]: "no rotation is under way",
  [RotationPhase.TRUSTING]: "1 of 3, trusting: every node is told to trust both authorities",
  [RotationPhase.ISSUING]: "2 of 3, issuing: nodes get certificates of the new authority",
  [RotationPhase.CLOSING]: "3 of 3, closing: coordinators show the new authority, and then the old one is dropped",
};

const blockerColumns: Column<Authority["blockers"][number]>[] = [
  { title: "WAITS FOR", value: ({ kind }) => kind },
  { title: "NAME", value: ({ name }) => name },
  { title: "WHY", value: ({ reason }) => reason },
];

/** `lormas ca …`. */
export function addAuthorityCommands(program: Command, context: CliContext): void {
  const group = program.command("ca").description("the fleet's certificate authority, and its replacement");
  apiCommand(group, "show", "show the authority, and how far its rotation has come", "lormas ca show")
    .option("--pem", "print the certificates of all authorities that are trusted, and nothing else")
    .action(async (options: ApiOptions & { readonly pem?: boolean }) => {
      const { authority } = await context.api(options).authority.getAuthority({});
      if (options.pem === true) {
        for (const line of required(authority).trustedCertificates.trim().split("\n")) context.print(line);
      } else tell(context, options, authority);
    });
  apiCommand(
    group,
    "rotate",
    "replace the authority by a new one; nothing is disconnected, lormas ca show tells how far it is",
    "lormas ca rotate",
  )
    .option("--from <id>", "only if this is the present authority (ca show)", "")
    .action(async (options: ApiOptions & { readonly from: string }) => {
      const { authority } = await context.api(options).authority.rotateAuthority({ from: options.from });
      tell(context, options, authority);
    });
  apiCommand(
    group,
    "leave-behind <nodes...>",
    "let a rotation go on without nodes that it waits for; they have to be enrolled again",
    "lormas ca leave-behind host-7",
  ).action(async (nodes: string[], options: ApiOptions) => {
    const { authority } = await context.api(options).authority.leaveNodesBehind({ nodes });
    tell(context, options, authority);
  });
}

function tell(context: CliContext, options: ApiOptions, authority: Authority | undefined): void {
  const shown = required(authority);
  if (options.output === "json") context.print(jsonText(AuthoritySchema, shown, true));
  else for (const line of lines(shown, context.columns())) context.print(line);
}

function lines(authority: Authority, columns: number | undefined): string[] {
  const { id, nextId, phase, nodeCount, trustingCount, usingCount } = authority;
  const facts: [string, string][] = [["Authority", id]];
  if (nextId !== "" && nextId !== id) facts.push(["Next", nextId]);
  facts.push(
    ["Ends", timeText(authority.notAfter)],
    ["Rotation", WORDS[phase] ?? "unknown"],
    ["Since", timeText(authority.phaseSince)],
  );
  if (authority.rotationStartedAt !== undefined) {
    facts.push(["Begun", `${timeText(authority.rotationStartedAt)} by ${authority.rotationStartedBy}`]);
  }
  facts.push(
    ["Trusted by", `${trustingCount} of ${nodeCount} nodes`],
    ["Used by", `${usingCount} of ${nodeCount} nodes`],
  );
  if (authority.mustEnrolAgainCount > 0) {
    const more = authority.mustEnrolAgainCount - authority.mustEnrolAgain.length;
    const names = `${authority.mustEnrolAgain.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
    facts.push(["Would have to enrol again if it ended now", names]);
  }
  const unnamed = authority.blockerCount - authority.blockers.length;
  return [
    ...factLines(facts),
    ...(authority.blockers.length > 0 ? ["", ...tableLines(blockerColumns, authority.blockers, columns)] : []),
    ...(unnamed > 0 ? [plainText(`and ${unnamed} more`)] : []),
  ];
}

function required(authority: Authority | undefined): Authority {
  if (authority !== undefined) return authority;
  throw new CliFailure(exitCode.failed, "the coordinator shows no authority", "");
}
