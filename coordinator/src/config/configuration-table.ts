import { CONFIG_KEYS, configKeyNames, fileKeyOf, flagOf, type SettingChanges } from "./config-keys.ts";

const CHANGES: Readonly<Record<SettingChanges, string>> = {
  running: "while it runs",
  restart: "with a restart",
  "first start": "first start alone",
};

/** The table of docs/configuration.md, in Markdown. */
export function configurationTable(): string {
  const rows = configKeyNames.map((name) => {
    const { env, secret, description, defaultText, wanted, changes } = CONFIG_KEYS[name];
    const cells = [
      code(name) + (secret ? `, ${code(fileKeyOf(name))}` : ""),
      code(env) + (secret ? `, ${code(`${env}_FILE`)}` : ""),
      code(`--${flagOf(name)}`),
      defaultText === null ? "none" : code(defaultText),
      description,
      wanted,
      CHANGES[changes],
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    "| file | environment | flag | default | what for | what is right | a change takes effect |",
    "|---|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}
