import { RuntimeFault, type RuntimeFaultCode } from "../container-runtime.ts";

/** What the engine answers when it refuses: an HTTP status and a message. */
type EngineError = {
  readonly statusCode?: number;
  readonly json?: { readonly message?: string };
  readonly reason?: string;
};

export function engineStatus(error: unknown): number | null {
  const status = (error as EngineError | null)?.statusCode;
  return typeof status === "number" ? status : null;
}

export function engineMessage(error: unknown): string {
  const engine = error as EngineError;
  return engine.json?.message ?? (error instanceof Error ? error.message : String(error));
}

const SIGNS: readonly { readonly sign: RegExp; readonly code: RuntimeFaultCode; readonly nextStep: string }[] = [
  {
    sign: /port is already allocated|address already in use|bind.*in use/i,
    code: "port_taken",
    nextStep: "end what uses the port, or give the node another port pool",
  },
  {
    sign: /no space left on device/i,
    code: "disk_full",
    nextStep: "make room on the engine's file system",
  },
  {
    sign: /no such image|pull access denied|manifest unknown|not found: manifest/i,
    code: "image_unavailable",
    nextStep: "check its name, or load it on this node with docker load",
  },
  {
    sign: /OCI runtime|failed to create (shim )?task|executable file not found|exec format error/i,
    code: "start_failed",
    nextStep: "check the image and the startup command",
  },
];

/** An engine's refusal as a fault that says what was tried, why it failed and what to do next. */
export function dockerFault(error: unknown, what: string): RuntimeFault {
  if (error instanceof RuntimeFault) return error;
  const message = engineMessage(error);
  const known = SIGNS.find(({ sign }) => sign.test(message));
  const nextStep = known?.nextStep ?? "look at the engine's own log on this node";
  return new RuntimeFault(known?.code ?? "runtime_error", `${what}: ${message}; ${nextStep}`, { cause: error });
}
