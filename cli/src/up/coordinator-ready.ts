/** What the coordinator tells its supervisor once it serves. */
export interface CoordinatorReady {
  /** Where dashboard and API are. */
  readonly httpUrl: string;
  /** What agents dial, host:port. */
  readonly agentAddress: string;
  readonly adminEmail: string;
  /** Only on the start that made the administrator. */
  readonly firstPassword: string | undefined;
}

/** Reads the message; undefined when it is another one. */
export function parseCoordinatorReady(message: unknown): CoordinatorReady | undefined {
  if (typeof message !== "object" || message === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(message));
  const [httpUrl, agentAddress, adminEmail] = ["httpUrl", "agentAddress", "adminEmail"].map((key) => fields.get(key));
  if (fields.get("type") !== "ready" || typeof httpUrl !== "string" || typeof agentAddress !== "string")
    return undefined;
  const firstPassword = fields.get("firstPassword");
  return {
    httpUrl,
    agentAddress,
    adminEmail: typeof adminEmail === "string" ? adminEmail : "",
    firstPassword: typeof firstPassword === "string" && firstPassword !== "" ? firstPassword : undefined,
  };
}
