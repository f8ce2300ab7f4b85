import { Argument, Command, Option } from "commander";
import { expect, it } from "vitest";
import { wantedCompletion } from "./wanted-completion.ts";

const program = new Command("p");
const container = program.command("container").description("what must run");
container
  .command("create")
  .alias("new")
  .argument("<name>")
  .option("--egg <egg>", "the egg")
  .option("--ha", "keep it running")
  .addOption(new Option("-o, --output <format>", "how").choices(["table", "json"]))
  .addOption(new Option("--secret", "hidden").hideHelp());
container.command("show").argument("<container>");
program.command("hidden", { hidden: true });
program.command("run").argument("<first>").addArgument(new Argument("<node...>"));

const wanted = (line: string) => {
  const words = line.split(" ");
  return wantedCompletion(program, words.slice(0, -1), words.at(-1) ?? "");
};
const values = (line: string) => wanted(line).words.map(({ value }) => value);

it("offers the commands that the help shows, then their arguments by what the help calls them", () => {
  expect(values("")).toEqual(["container", "run", "help"]);
  expect(values("container ")).toEqual(["create", "show", "help"]);
  expect(wanted("container show ").kind).toBe("container");
  expect(wanted("container show web ").kind).toBeUndefined();
  expect(wanted("run x y z ").kind).toBe("node");
});

it("offers the flags that the help shows, and the values of those that have some", () => {
  expect(values("container create --")).toEqual(["--egg", "--ha", "--output", "--help"]);
  expect(values("container new -o ")).toEqual(["table", "json"]);
  expect(values("container create --output=")).toEqual(["--output=table", "--output=json"]);
  expect(wanted("container create --egg ").kind).toBe("egg");
  expect(wanted("container create --egg=he")).toMatchObject({ kind: "egg", prefix: "--egg=" });
});

it("takes no flag's value, and nothing behind --, for a command or a flag", () => {
  expect(wanted("container create --egg show --ha ").kind).toBe("name");
  expect(wanted("container create --egg=show -- --h")).toMatchObject({ kind: "name", words: [] });
  expect(wanted("container create --egg hello -o json x").flags).toEqual({ egg: "hello", output: "json" });
});
