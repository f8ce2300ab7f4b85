import type { AuditEntry } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Look } from "../components/status-look.ts";
import { plainText } from "../format/plain-text.ts";

/** Who it was, for people. */
export function actorText({ actorKind, actorName }: AuditEntry): string {
  switch (actorKind) {
    case "system":
      return "the coordinator";
    case "anonymous":
      return "nobody signed in";
    case "administrator":
      return "the local administrator";
    case "token":
      return plainText(`token ${actorName}`);
    default:
      return plainText(actorName);
  }
}

/** Whether it was let through, and whether it then went well. */
export function decisionLook({ decision, outcome }: AuditEntry): Look {
  if (decision === "denied") return { tone: "bad", word: "denied" };
  if (outcome === "") return { tone: "unknown", word: "outcome not known" };
  return outcome === "ok" ? { tone: "ok", word: "done" } : { tone: "warn", word: "allowed, failed" };
}

/** The outcome in full. */
export function outcomeText({ outcome }: AuditEntry): string {
  if (outcome === "ok") return "done";
  return outcome === "" ? "not known: it runs, or the coordinator ended before it was written" : plainText(outcome);
}

/** The page of the object; empty where there is none. It may be gone: the page says so. */
export function objectHref({ objectKind, objectId, objectName }: AuditEntry): string {
  const key = encodeURIComponent(objectId || objectName);
  if (key === "") return "";
  switch (objectKind) {
    case "container":
      return `/containers/${key}`;
    case "node":
      return `/nodes/${key}`;
    case "migration":
      return `/migrations/${key}`;
    case "cluster":
      return "/clusters";
    case "egg":
      return `/eggs/${key}`;
    case "user":
      return objectName.includes("@") ? `/people/${encodeURIComponent(objectName)}` : "";
    case "role":
      return `/roles/${encodeURIComponent(objectName || objectId)}`;
    case "token":
      return "/tokens";
    case "alert":
      return "/alerts";
    default:
      return "";
  }
}
