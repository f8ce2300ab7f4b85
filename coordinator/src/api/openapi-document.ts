import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

/** Reads gen/openapi.yaml once and gives it as JSON text. Rejects when the file is not there or is no YAML. */
export function openApiDocument(): () => Promise<string> {
  let text: Promise<string> | null = null;
  return () => {
    text ??= load();
    // A failure is not kept: the file may be generated meanwhile.
    text.catch(() => {
      text = null;
    });
    return text;
  };
}

async function load(): Promise<string> {
  const path = fileURLToPath(import.meta.resolve("@lormas/gen/openapi.yaml"));
  const document: unknown = parse(await readFile(path, "utf8"));
  return JSON.stringify(document);
}
