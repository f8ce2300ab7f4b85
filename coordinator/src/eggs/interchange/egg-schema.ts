import { z } from "zod";
import { readDemands } from "../../domain/placement/node-demands.ts";
import type { EggDefinition } from "../egg-definition.ts";
import type { PanelFacts } from "../panel-facts.ts";
import { type DocumentRecord, plainData } from "./document-value.ts";
import { EGG_ID } from "./egg-id.ts";
import { VARIABLES_MAX } from "./read-variables.ts";
import { STOP_COMMAND_BYTES_MAX } from "./stop-signal.ts";

const TEXT_MAX = 768 * 1024;
/** As agents demand it of what they run. */
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

const text = z.string().max(TEXT_MAX);
const short = z.string().max(1_024);
const milliseconds = z.int().min(0).max(3_600_000);
const scalar = z.union([text, z.number(), z.boolean(), z.null()]);
const texts = z.array(text).max(1_000);

const variable = z.looseObject({
  name: short,
  description: text,
  defaultValue: text,
  required: z.boolean(),
  pattern: short,
  displayName: text.optional(),
  rules: z.array(text).max(100).optional(),
  userViewable: z.boolean().optional(),
  userEditable: z.boolean().optional(),
  sort: z.number().nullable().optional(),
});

const panel = z.looseObject({
  author: text,
  uuid: text,
  exportedAt: text,
  updateUrl: text,
  tags: texts,
  features: texts,
  fileDenylist: texts,
  startupCommands: z.array(z.looseObject({ name: text, command: text })).max(1_000),
  configFiles: z
    .array(
      z.looseObject({
        path: text,
        parser: text,
        replacements: z.array(
          z.looseObject({
            match: text,
            value: z.union([scalar, z.array(z.looseObject({ ifValue: text, value: scalar }))]),
          }),
        ),
      }),
    )
    .max(1_000),
  done: texts,
  stop: text,
  install: z.looseObject({ script: text, image: text, entrypoint: text }).nullable(),
});

/** Texts that a container can be made with. */
function demanded(field: "constraints" | "architectures") {
  return z
    .array(short)
    .max(100)
    .check(({ value, issues }) => {
      const read = readDemands(field === "constraints" ? { constraints: value } : { architectures: value });
      if (!read.ok) issues.push({ code: "custom", input: value, message: read.reason });
    })
    .optional();
}

/** What an egg of Lormas' own form must be; unknown fields stay. */
const egg = z.looseObject({
  id: z.string().regex(EGG_ID),
  name: z.string().min(1).max(1_024),
  description: text,
  categoryId: z.string().regex(EGG_ID),
  version: z.string().max(32),
  image: short,
  images: z
    .array(z.looseObject({ name: short, image: short }))
    .max(1_000)
    .optional(),
  startup: z.partialRecord(z.enum(["docker", "exec", "simulated"]), text),
  variables: z.array(variable).max(VARIABLES_MAX),
  ports: z
    .array(
      z.looseObject({
        name: z.string().regex(PLAIN_NAME),
        containerPort: z.int().min(1).max(65_535),
        protocol: z.enum(["tcp", "udp"]),
      }),
    )
    .max(64),
  volumes: z
    .array(
      z.looseObject({
        name: z.string().regex(PLAIN_NAME),
        path: z
          .string()
          .max(1_024)
          .regex(/^\/(?!.*(?:^|\/)\.\.(?:\/|$))/),
        kind: z.enum(["local", "shared", "ephemeral"]),
      }),
    )
    .max(64),
  stop: z.looseObject({
    signal: z.string().regex(/^SIG[A-Z0-9]{2,10}$/),
    graceMs: milliseconds,
    command: z
      .string()
      .refine((command) => Buffer.byteLength(command) <= STOP_COMMAND_BYTES_MAX && !command.includes("\0"))
      .optional(),
  }),
  health: z
    .looseObject({
      kind: z.enum(["tcp", "http", "command"]),
      portName: short,
      path: short,
      command: text,
      intervalMs: milliseconds.min(10),
      timeoutMs: milliseconds.min(10),
    })
    .nullable(),
  tty: z.boolean().optional(),
  startBudgetMs: milliseconds,
  defaultResources: z.looseObject({
    cpuMillis: z.int().min(0),
    memoryBytes: z.int().min(0),
    diskBytes: z.int().min(0),
  }),
  constraints: demanded("constraints"),
  architectures: demanded("architectures"),
  panel: panel.optional(),
});

/** Either what was asked for, or what is wrong with the first field that is: its path and a reason. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly path: string; readonly reason: string };

/** A whole egg of Lormas' own form. */
export function checkEgg(document: DocumentRecord): Checked<EggDefinition> {
  return checked(egg, document) as Checked<EggDefinition>;
}

const fields = egg
  .partial()
  .extend({ images: egg.shape.images.nullable(), panel: panel.partial().nullable().optional() });

/** Some fields of an egg, what a panel's format has no place for; null: it has none of it. */
export type EggFields = Partial<Omit<EggDefinition, "images" | "panel">> & {
  readonly images?: EggDefinition["images"] | null;
  readonly panel?: Partial<PanelFacts> | null;
};

export function checkEggFields(document: DocumentRecord): Checked<EggFields> {
  return checked(fields, document) as Checked<EggFields>;
}

function checked(schema: z.ZodType, document: DocumentRecord): Checked<unknown> {
  const outcome = schema.safeParse(plainData(document));
  if (outcome.success) return { ok: true, value: outcome.data };
  const [first] = outcome.error.issues;
  return { ok: false, path: first?.path.map(String).join(".") ?? "", reason: first?.message ?? "does not fit" };
}
