import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { z } from "zod";
import { parseListenAddress } from "../agents/listen-address.ts";
import { parseMasterKey, writtenKeys } from "../secrets/master-key.ts";

/** How the coordinator is set up; every value checked. */
export type CoordinatorConfig = {
  /** Absolute. */
  readonly dataDir: string;
  readonly httpListen: string;
  readonly agentListen: string;
  readonly adminEmail: string;
  /** Null: a random one is made for a new administrator and shown once. */
  readonly adminPassword: string | null;
  /** Null: the embedded PostgreSQL in the data directory. */
  readonly databaseUrl: string | null;
  readonly clusterName: string;
  readonly profile: keyof typeof LEASE_PROFILES;
  readonly leaderTtlMs: number;
  readonly logLevel: LogLevel;
  /** An origin such as https://lormas.example.org; null: what the listener says. */
  readonly publicUrl: string | null;
  /** auto: TLS with the files, else plain text on this machine alone; own-ca: by our authority; off: plain text anywhere. */
  readonly publicTls: PublicTls;
  /** Absolute; null: none. */
  readonly publicTlsCertFile: string | null;
  /** Absolute; null: none. */
  readonly publicTlsKeyFile: string | null;
  /** Calls a second and caller; 0: no limit. */
  readonly apiCallsPerSecond: number;
  readonly production: boolean;
  /** Null: the identity that the data directory keeps. */
  readonly instanceName: string | null;
  /** Null: nobody outside is told of alerts. */
  readonly alertWebhookUrl: string | null;
  /** Null: what is posted there is not signed. */
  readonly alertWebhookSecret: string | null;
  /** Absolute; null: nothing cuts silent nodes off from power. */
  readonly fenceHook: string | null;
  readonly fenceHookTimeoutMs: number;
  readonly auditRetentionDays: number;
  /** Absolute; null: people sign in with passwords alone. */
  readonly signInProviders: string | null;
  /** The master key of secrets; null: the file in the data directory. */
  readonly secretKey: string | null;
  /** Master keys that open what they have sealed, as they are written; null: none. */
  readonly otherSecretKeys: string | null;
};

export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const PUBLIC_TLS = ["auto", "own-ca", "off"] as const;
export type PublicTls = (typeof PUBLIC_TLS)[number];

/** "running": with SIGHUP. "restart": with a restart alone. "first start": never, only the first start of a database reads it. */
export type SettingChanges = "running" | "restart" | "first start";

/** One setting: where it may come from, what it may be. */
export type ConfigKey = {
  readonly env: string;
  /** No flag for secrets themselves: everybody on the machine sees command lines. */
  readonly secret: boolean;
  readonly description: string;
  /** As it would be written; null: none. */
  readonly defaultText: string | null;
  /** What would be right, for people. */
  readonly wanted: string;
  /** When another value than the coordinator runs with takes effect. */
  readonly changes: SettingChanges;
  /** From the text as written to the value; its messages say what is wrong. */
  readonly schema: z.ZodType<unknown, string>;
};

const profiles = Object.keys(LEASE_PROFILES) as (keyof typeof LEASE_PROFILES)[];
/** Above what the database lets a stalled statement or transaction keep its locks, so that a takeover never waits a term. */
export const LEADER_TTL_MIN_MS = 2_000;
const LEADER_TTL_MAX_MS = 60_000;

/** The database lets nothing younger go, whatever is set. */
const AUDIT_RETENTION_MIN_DAYS = 30;
const AUDIT_RETENTION_MAX_DAYS = 3_650;

const FENCE_TIMEOUT_MIN_MS = 500;
const FENCE_TIMEOUT_MAX_MS = 300_000;

const CALLS_PER_SECOND_MAX = 100_000;

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, "is no whole number")
    .transform(Number)
    .pipe(z.number().min(min, `is below ${min}`).max(max, `is above ${max}`));
const text = z.string().refine((value) => !/\p{Cc}/u.test(value), "holds control characters");
const listen = text.refine((value) => {
  try {
    return parseListenAddress(value) !== null;
  } catch {
    return false;
  }
}, "is no listen address");
const origin = text.transform((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : null;
  const plain = url !== null && ["http:", "https:"].includes(url.protocol) && url.host !== "" && url.username === "";
  if (plain && url.pathname === "/" && url.search === "" && url.hash === "") return url.origin;
  context.addIssue({ code: "custom", message: "is no web address without a path" });
  return z.NEVER;
});
const webAddress = text.refine((value) => {
  return URL.canParse(value) && ["http:", "https:"].includes(new URL(value).protocol);
}, "is no web address");
const databaseUrl = text.refine((value) => {
  return URL.canParse(value) && ["postgres:", "postgresql:"].includes(new URL(value).protocol);
}, "is no PostgreSQL URL");

const masterKey = (value: string): boolean => parseMasterKey(value) !== null;
const OTHER_KEYS_MAX = 8;

/** Every setting, by its name in the file. */
export const CONFIG_KEYS = {
  dataDir: {
    env: "LORMAS_DATA_DIR",
    secret: false,
    description: "Folder for everything the coordinator keeps outside the database",
    defaultText: "./.lormas",
    wanted: "a path",
    changes: "restart",
    schema: text.min(1, "is empty"),
  },
  httpListen: {
    env: "LORMAS_HTTP_LISTEN",
    secret: false,
    description: "Where dashboard, API and CLI are served",
    defaultText: "127.0.0.1:8080",
    wanted: "host:port, such as 127.0.0.1:8080",
    changes: "restart",
    schema: listen,
  },
  agentListen: {
    env: "LORMAS_AGENT_LISTEN",
    secret: false,
    description: "Where agents connect (mutual TLS)",
    defaultText: "127.0.0.1:7443",
    wanted: "host:port, such as 127.0.0.1:7443",
    changes: "restart",
    schema: listen,
  },
  adminEmail: {
    env: "LORMAS_ADMIN_EMAIL",
    secret: false,
    description: "Sign-in of the administrator that the first start makes",
    defaultText: "admin@lormas.local",
    wanted: "an e-mail address",
    changes: "first start",
    schema: z.email("is no e-mail address").max(254, "is longer than 254 characters"),
  },
  adminPassword: {
    env: "LORMAS_ADMIN_PASSWORD",
    secret: true,
    description: "First password of that administrator; absent: a random one, shown once",
    defaultText: null,
    wanted: "12 to 128 characters",
    changes: "first start",
    schema: text.min(12, "is shorter than 12 characters").max(128, "is longer than 128 characters"),
  },
  databaseUrl: {
    env: "DATABASE_URL",
    secret: true,
    description: "A PostgreSQL 15 or newer to use; absent: the embedded one in the data directory",
    defaultText: null,
    wanted: "postgres://USER:PASSWORD@HOST:PORT/DATABASE",
    changes: "restart",
    schema: databaseUrl,
  },
  clusterName: {
    env: "LORMAS_CLUSTER",
    secret: false,
    description: "Name of the cluster that the first start makes",
    defaultText: "local",
    wanted: "2 to 63 lower-case letters, digits and inner hyphens",
    changes: "first start",
    schema: text.regex(/^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/, "is no name"),
  },
  profile: {
    env: "LORMAS_PROFILE",
    secret: false,
    description: "Heartbeat profile of that cluster",
    defaultText: "default",
    wanted: `one of ${profiles.join(", ")}`,
    changes: "first start",
    schema: z.enum(profiles, "is no profile"),
  },
  leaderTtlMs: {
    env: "LORMAS_LEADER_TTL_MS",
    secret: false,
    description: "Milliseconds for which a coordinator leads without renewing",
    defaultText: "15000",
    wanted: `whole milliseconds from ${LEADER_TTL_MIN_MS} to ${LEADER_TTL_MAX_MS}`,
    changes: "restart",
    schema: wholeNumber(LEADER_TTL_MIN_MS, LEADER_TTL_MAX_MS),
  },
  logLevel: {
    env: "LORMAS_LOG_LEVEL",
    secret: false,
    description: "Least severity that is logged",
    defaultText: "info",
    wanted: `one of ${LOG_LEVELS.join(", ")}`,
    changes: "running",
    schema: z.enum(LOG_LEVELS, "is no log level"),
  },
  publicUrl: {
    env: "LORMAS_PUBLIC_URL",
    secret: false,
    description: "Where browsers reach the dashboard, for cookies and origin checks; absent: what the listener says",
    defaultText: null,
    wanted: "an origin without a path, such as https://lormas.example.org",
    changes: "restart",
    schema: origin,
  },
  publicTls: {
    env: "LORMAS_PUBLIC_TLS",
    secret: false,
    description:
      "TLS of dashboard and API: auto takes the files below, else plain text for this machine alone; own-ca takes a certificate of the fleet's own authority; off is plain text for other machines too",
    defaultText: "auto",
    wanted: `one of ${PUBLIC_TLS.join(", ")}`,
    changes: "restart",
    schema: z.enum(PUBLIC_TLS, "is none of them"),
  },
  publicTlsCertFile: {
    env: "LORMAS_PUBLIC_TLS_CERT_FILE",
    secret: false,
    description: "Certificate chain of dashboard and API, PEM; a new one is used within 5 s, without a restart",
    defaultText: null,
    wanted: "a path, together with publicTlsKeyFile",
    changes: "restart",
    schema: text.min(1, "is empty"),
  },
  publicTlsKeyFile: {
    env: "LORMAS_PUBLIC_TLS_KEY_FILE",
    secret: false,
    description: "Its private key, PEM, not encrypted",
    defaultText: null,
    wanted: "a path, together with publicTlsCertFile",
    changes: "restart",
    schema: text.min(1, "is empty"),
  },
  apiCallsPerSecond: {
    env: "LORMAS_API_CALLS_PER_SECOND",
    secret: false,
    description:
      "Calls a second to the API that one token, user or unknown address may make in the long run, five seconds' worth at once; 0: no limit. The local administrator on this machine has none",
    defaultText: "200",
    wanted: `a whole number from 0 to ${CALLS_PER_SECOND_MAX}`,
    changes: "running",
    schema: z
      .string()
      .regex(/^\d{1,6}$/, "is no whole number")
      .transform(Number)
      .pipe(z.number().max(CALLS_PER_SECOND_MAX, `is above ${CALLS_PER_SECOND_MAX}`)),
  },
  production: {
    env: "LORMAS_PRODUCTION",
    secret: false,
    description: "Refuse what does not belong into production",
    defaultText: "false",
    wanted: "true or false",
    changes: "restart",
    schema: z.stringbool({ truthy: ["true", "1"], falsy: ["false", "0"], error: "is neither true nor false" }),
  },
  instanceName: {
    env: "LORMAS_INSTANCE",
    secret: false,
    description:
      "What people call this coordinator among others at the same database; absent: an identity kept in the data directory",
    defaultText: null,
    wanted: "1 to 63 letters, digits, dots, hyphens or underscores",
    changes: "restart",
    schema: text.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "is no name"),
  },
  alertWebhookUrl: {
    env: "LORMAS_ALERT_WEBHOOK_URL",
    secret: false,
    description: "Where every change of an alert is posted; absent: nowhere (docs/alerts.md)",
    defaultText: null,
    wanted: "an address such as https://alerts.example.org/lormas",
    changes: "running",
    schema: webAddress,
  },
  alertWebhookSecret: {
    env: "LORMAS_ALERT_WEBHOOK_SECRET",
    secret: true,
    description: "Signs what is posted there (HMAC-SHA256); absent: it is not signed",
    defaultText: null,
    wanted: "16 to 256 characters",
    changes: "running",
    schema: text.min(16, "is shorter than 16 characters").max(256, "is longer than 256 characters"),
  },
  fenceHook: {
    env: "LORMAS_FENCE_HOOK",
    secret: false,
    description: "Program that cuts a silent node's host off from power; absent: none (docs/fence-hook.md)",
    defaultText: null,
    wanted: "an absolute path to an executable file that only root or the coordinator's own user may change",
    changes: "restart",
    schema: text.regex(/^\//, "is no absolute path").max(4_096, "is longer than 4096 characters"),
  },
  fenceHookTimeoutMs: {
    env: "LORMAS_FENCE_HOOK_TIMEOUT_MS",
    secret: false,
    description: "Milliseconds after which a call of it is killed and proves nothing",
    defaultText: "10000",
    wanted: `whole milliseconds from ${FENCE_TIMEOUT_MIN_MS} to ${FENCE_TIMEOUT_MAX_MS}`,
    changes: "restart",
    schema: wholeNumber(FENCE_TIMEOUT_MIN_MS, FENCE_TIMEOUT_MAX_MS),
  },
  auditRetentionDays: {
    env: "LORMAS_AUDIT_RETENTION_DAYS",
    secret: false,
    description: "Days after which entries of the audit trail are deleted; nothing younger can be (docs/audit.md)",
    defaultText: "400",
    wanted: `whole days from ${AUDIT_RETENTION_MIN_DAYS} to ${AUDIT_RETENTION_MAX_DAYS}`,
    changes: "running",
    schema: wholeNumber(AUDIT_RETENTION_MIN_DAYS, AUDIT_RETENTION_MAX_DAYS),
  },
  signInProviders: {
    env: "LORMAS_SIGN_IN_PROVIDERS",
    secret: false,
    description: "File that names the OpenID Connect providers people may sign in by; absent: none (docs/identity.md)",
    defaultText: null,
    wanted: "a path",
    changes: "running",
    schema: text.min(1, "is empty"),
  },
  secretKey: {
    env: "LORMAS_SECRET_KEY",
    secret: true,
    description:
      "Master key that containers' secrets are sealed by, the same for every coordinator of a database; absent: the file secret-key in the data directory, made at the first start (docs/secrets.md)",
    defaultText: null,
    wanted: "32 bytes in base64 (openssl rand -base64 32), or 64 hexadecimal digits",
    changes: "restart",
    schema: z.string().trim().refine(masterKey, "is no master key"),
  },
  otherSecretKeys: {
    env: "LORMAS_OTHER_SECRET_KEYS",
    secret: true,
    description: "Further master keys, which open what they have sealed: to change from one to another",
    defaultText: null,
    wanted: `up to ${OTHER_KEYS_MAX} keys as above, with spaces, commas or line ends between them`,
    changes: "restart",
    schema: z
      .string()
      .refine((value) => writtenKeys(value).every(masterKey), "holds something that is no master key")
      .refine((value) => writtenKeys(value).length <= OTHER_KEYS_MAX, `holds more than ${OTHER_KEYS_MAX} keys`),
  },
} as const satisfies Record<keyof CoordinatorConfig, ConfigKey>;

export type ConfigKeyName = keyof CoordinatorConfig;
export const configKeyNames = Object.keys(CONFIG_KEYS) as ConfigKeyName[];

/** The flag of a setting: --data-dir for dataDir; a secret's flag names the file that holds it. */
export function flagOf(name: ConfigKeyName): string {
  const dashed = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return CONFIG_KEYS[name].secret ? `${dashed}-file` : dashed;
}

/** The setting's name in the file that names the file with the secret: adminPasswordFile for adminPassword. */
export function fileKeyOf(name: ConfigKeyName): string {
  return `${name}File`;
}

/** Variables that begin with LORMAS_ and are not the coordinator's settings, but other parts' of the same environment. */
export const FOREIGN_VARIABLES: ReadonlySet<string> = new Set(
  [
    "CONFIG LIFELINE_FD HOST_MARK ANCESTORS URL CONTEXT CA_FILE TOKEN TOKEN_FILE COORDINATOR NODE_NAME NODE_ADDRESS RUNTIME ALLOW_EXEC",
    "FAILPOINT PORT_POOL DOCKER_SOCKET JOIN_TOKEN JOIN_TOKEN_FILE RUN_DIR SHARED_DIR CGROUP_PARENT CHROMIUM TALLY",
    "GUARD_RESTARTS_AGENT WATCHDOG",
    "NODE NODE_BIN CONTAINER EPOCH ADDRESS",
  ]
    .join(" ")
    .split(" ")
    .map((name) => `LORMAS_${name}`),
);
