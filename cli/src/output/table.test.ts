import { describe, expect, it } from "vitest";
import { cutText, plainText, textWidth } from "./plain-text.ts";
import { factLines, tableLines } from "./table.ts";

const shape = [
  { title: "NAME", value: (row: { name: string; count: number }) => row.name },
  { title: "COUNT", value: (row: { name: string; count: number }) => String(row.count), right: true },
];

describe("text from elsewhere", () => {
  it("loses escape sequences, control characters and changes of direction", () => {
    expect(plainText("a\u001b[31mred\u001b[0m\u001b]0;title\u0007b\u0000\u009b\u202e\r\nc\td")).toBe("aredbc d");
  });

  it("is as wide as a terminal shows it", () => {
    expect(textWidth("abc")).toBe(3);
    expect(textWidth("日本")).toBe(4);
    expect(textWidth("e\u0301")).toBe(1);
    expect(cutText("abcdef", 4)).toBe("abc…");
    expect(cutText("日本語", 4)).toBe("日…");
    expect(cutText("abcd", 4)).toBe("abcd");
  });
});

describe("a table", () => {
  it("has its columns below each other, numbers on the right", () => {
    const lines = tableLines(
      shape,
      [
        { name: "web", count: 7 },
        { name: "a-longer-name", count: 12 },
      ],
      undefined,
    );
    expect(lines).toEqual(["NAME           COUNT", "web                7", "a-longer-name     12"]);
  });

  it("fits the terminal by cutting the widest column, and cuts nothing into a pipe", () => {
    const rows = [{ name: "x".repeat(60), count: 1 }];
    for (const line of tableLines(shape, rows, 40)) expect(textWidth(line)).toBeLessThanOrEqual(40);
    expect(tableLines(shape, rows, undefined)[1]).toContain("x".repeat(60));
  });

  it("keeps 8 columns of each even on the narrowest terminal", () => {
    expect(tableLines(shape, [{ name: "x".repeat(60), count: 1 }], 5)[1]).toBe(`${"x".repeat(7)}…      1`);
  });

  it("lets no cell write on the terminal", () => {
    expect(tableLines(shape, [{ name: "a\u001b[2J\nb", count: 1 }], undefined)[1]).toBe("ab        1");
  });

  it("colours states when it has colours, with every column where it stood", () => {
    const states = [{ title: "STATUS", value: () => "running", state: true }, ...shape];
    const rows = [{ name: "running", count: 7 }];
    const plain = tableLines(states, rows, undefined);
    const colored = tableLines(states, rows, undefined, true);
    expect(colored[1]).toContain("\u001b[32mrunning\u001b[0m  running");
    expect(colored.map(plainText)).toEqual(plain);
    expect(factLines([["Is", "failed"]], true)).toEqual(["Is  \u001b[31mfailed\u001b[0m"]);
  });

  it("leaves facts without a value out", () => {
    expect(
      factLines([
        ["Name", "web"],
        ["Reason", ""],
        ["Node", "n"],
      ]),
    ).toEqual(["Name  web", "Node  n"]);
  });
});
