import { RuntimeFault } from "../container-runtime.ts";

/** What an operation threw as a fault of the runtime; `what` was being done. */
export function asFault(error: unknown, what: string): RuntimeFault {
  if (error instanceof RuntimeFault) return error;
  const full = (error as { code?: unknown }).code === "ENOSPC";
  const reason = error instanceof Error ? error.message : String(error);
  return new RuntimeFault(
    full ? "disk_full" : "runtime_error",
    `${what}: ${reason}${full ? "; make room on the file system of the data folder" : ""}`,
    { cause: error },
  );
}
