import type { NamedImage } from "../egg-definition.ts";
import type {
  ConfigFile,
  ConfigReplacement,
  ConfigScalar,
  InstallScript,
  PanelFacts,
  StartupCommand,
} from "../panel-facts.ts";
import { namedTexts, objectAt, textAt, textsOf, valueAt } from "./document-fields.ts";
import { type DocumentRecord, type DocumentValue, isRecord } from "./document-value.ts";

/** What the only command of an egg is called that has no name for it. */
export const DEFAULT_COMMAND = "Default";

/** The keys under which eggs name their images, the newest first. */
export const IMAGE_KEYS = ["docker_images", "images", "docker_image", "image"] as const;

/** The key under which a document names its images; null where it has none. Pelican's `image` is an icon, and none. */
export function imageKeyOf(document: DocumentRecord): (typeof IMAGE_KEYS)[number] | null {
  return IMAGE_KEYS.find((key) => imagesUnder(document, key).length > 0) ?? null;
}

/** The images that stand under one key. */
export function imagesUnder(document: DocumentRecord, key: (typeof IMAGE_KEYS)[number]): NamedImage[] {
  const images = namedTexts(document.get(key), (text) => text).map(({ name, text }) => ({ name, image: text }));
  return key === "image" && images.some(({ image }) => /^data:|^https?:\/\//i.test(image)) ? [] : images;
}

/** A document's images, the default first. */
export function readImages(document: DocumentRecord): NamedImage[] {
  const key = imageKeyOf(document);
  return key === null ? [] : imagesUnder(document, key);
}

/** A document's startup commands, the default first. */
export function readStartupCommands(document: DocumentRecord): StartupCommand[] {
  const nameOf = (_: string, index: number): string =>
    index === 0 ? DEFAULT_COMMAND : `${DEFAULT_COMMAND} ${index + 1}`;
  const many = namedTexts(document.get("startup_commands"), nameOf);
  const commands = many.length > 0 ? many : namedTexts(document.get("startup"), nameOf);
  return commands.map(({ name, text }) => ({ name, command: text }));
}

/** The lines of output that tell that a server is ready. */
export function readDone(document: DocumentRecord): string[] {
  const startup = objectAt(document, "config", "startup");
  return startup ? textsOf(startup.get("done")) : [];
}

/** The install script; null where there is none. */
export function readInstall(document: DocumentRecord): InstallScript | null {
  const at = valueAt(document, "scripts", "installation");
  const script = textAt(at, "script");
  const image = textAt(at, "container");
  const entrypoint = textAt(at, "entrypoint");
  return script === "" && image === "" && entrypoint === "" ? null : { script, image, entrypoint };
}

/** The files in which values are replaced. What has another shape is left to the document. */
export function readConfigFiles(document: DocumentRecord): ConfigFile[] {
  const files = objectAt(document, "config", "files");
  if (!files) return [];
  return [...files].flatMap(([path, file]) => {
    if (!isRecord(file)) return [];
    const find = file.get("find");
    const replacements = isRecord(find) ? [...find].flatMap(([match, value]) => replacement(match, value)) : [];
    return [{ path, parser: textAt(file, "parser"), replacements }];
  });
}

function replacement(match: string, value: DocumentValue): ConfigReplacement[] {
  if (isRecord(value)) {
    const cases = [...value].filter(([, inner]) => isScalar(inner));
    return [{ match, value: cases.map(([ifValue, inner]) => ({ ifValue, value: scalar(inner) })) }];
  }
  return isScalar(value) ? [{ match, value: scalar(value) }] : [];
}

function isScalar(value: DocumentValue): boolean {
  return value === null || typeof value !== "object";
}

function scalar(value: DocumentValue): ConfigScalar {
  if (typeof value === "bigint") return value.toString();
  return value === null || typeof value === "object" ? null : value;
}

/** All that a panel's egg says beyond what every egg does. */
export function readPanelFacts(document: DocumentRecord): PanelFacts {
  return {
    author: textAt(document, "author"),
    uuid: textAt(document, "uuid"),
    exportedAt: textAt(document, "exported_at"),
    updateUrl: textAt(document, "meta", "update_url"),
    tags: textsOf(document.get("tags")),
    features: textsOf(document.get("features")),
    fileDenylist: textsOf(document.get("file_denylist")),
    startupCommands: readStartupCommands(document),
    configFiles: readConfigFiles(document),
    done: readDone(document),
    stop: textAt(document, "config", "stop"),
    install: readInstall(document),
  };
}
