import { CONFIG_KEYS, configKeyNames, fileKeyOf, flagOf } from "./config-keys.ts";

/** The table of docs/configuration.md, in Markdown. */
export function configurationTable(): string {
  const rows = configKeyNames.map((name) => {
    const { env, secret, description, defaultText, wanted } = CONFIG_KEYS[name];
    const cells = [
      code(name) + (secret ? `, ${code(fileKeyOf(name))}` : ""),
      code(env) + (secret ? `, ${code(`${env}_FILE`)}` : ""),
      code(`--${flagOf(name)}`),
      defaultText === null ? "none" : code(defaultText),
      description,
      wanted,
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    "| file | environment | flag | default | what for | what is right |",
    "|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}
