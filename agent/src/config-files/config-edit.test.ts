import { describe, expect, test } from "vitest";
import { type ConfigParser, editConfig } from "./config-edit.ts";
import type { ConfigChange, ConfigValue } from "./config-value.ts";

const set = (match: string, value: ConfigValue, ifValue: string | null = null): ConfigChange => ({
  match,
  ifValue,
  value,
});
const edit = (parser: ConfigParser, text: string | null, ...changes: ConfigChange[]) =>
  editConfig({ path: "file", parser, text, changes });

describe("file: whole lines", () => {
  test("a line that begins so is replaced, its line end stays, and the longest beginning counts", () => {
    const text = "MaxPlayers=4\r\nMaxPlayerCount=8\n  MaxPlayers=1\nOther=1";
    const changes = [set("MaxPlayer", "short"), set("MaxPlayers", "MaxPlayers=20"), set("MaxPlayerCount", 30)];
    expect(edit("file", text, ...changes)).toBe("MaxPlayers=20\r\n30\n  MaxPlayers=1\nOther=1");
  });

  test("no file is made, for there is no line to replace", () => {
    expect(edit("file", null, set("a", "b"))).toBeNull();
  });
});

describe("properties", () => {
  test("keys are set in their places, comments and everything else stay, new ones go to the end", () => {
    const text = "#Minecraft server\n! too\n\nserver-port = 1\nlevel-name:world\\\n  two\nquery.port 7\n";
    expect(edit("properties", text, set("server-port", "25565"), set("query.port", 25565), set("server-ip", ""))).toBe(
      "#Minecraft server\n! too\n\nserver-port=25565\nlevel-name:world\\\n  two\nquery.port=25565\nserver-ip=\n",
    );
  });

  test("a value over several lines is one value, and is replaced whole", () => {
    expect(edit("properties", "a=1\\\n  2\\\n  3\nb=4\n", set("a", "x", "123"))).toBe("a=x\nb=4\n");
  });

  test("what would end its line or begin another key is written so that it is read again as it was", () => {
    const odd = "a\nop=true\\ \té: =";
    const text = edit("properties", "", set("motd", odd)) ?? "";
    expect(text.split("\n")).toHaveLength(2);
    expect(edit("properties", text, set("motd", "same", odd))).toBe("motd=same\n");
  });

  test("a key that stands twice stands once afterwards", () => {
    expect(edit("properties", "a=1\nb=2\na=3\n", set("a", 4))).toBe("a=4\nb=2\n");
  });
});

describe("ini", () => {
  test("keys are set within their section, whose name may hold dots in brackets", () => {
    const text = "top=1\n; kept\n[server]\nname = old\n\n[/Script/Engine.GameSession]\nMaxPlayers=1\n";
    const changes = [
      set("top", 2),
      set("server.name", "New"),
      set("server.motd", "hi"),
      set("[/Script/Engine.GameSession].MaxPlayers", 32),
      set("[Host Settings].Password", "x"),
    ];
    expect(edit("ini", text, ...changes)).toBe(
      "top=2\n; kept\n[server]\nname = New\nmotd=hi\n\n[/Script/Engine.GameSession]\nMaxPlayers=32\n[Host Settings]\nPassword=x\n",
    );
  });

  test("a value cannot begin another line", () => {
    expect(edit("ini", "[a]\n", set("a.b", "x\n[admin]\nc=1"))).toBe("[a]\nb=x [admin] c=1\n");
  });

  test("only where the value stands, quoted or not", () => {
    expect(
      edit("ini", '[a]\nb="old"\nc=old\nd=new\n', ...["b", "c", "d"].map((key) => set(`a.${key}`, "X", "old"))),
    ).toBe("[a]\nb=X\nc=X\nd=new\n");
  });
});

describe("json", () => {
  test("values are set at paths, numbers in text become numbers, order and indentation stay", () => {
    const text = '{\n    "z": 1,\n    "Rcon": { "Enabled": false },\n    "list": [ { "host": "a" } ]\n}\n';
    const changes = [
      set("Rcon.Enabled", true),
      set("Rcon.Port", "25575"),
      set("list[0].host", "0.0.0.0:1"),
      set("a~1b", "c"),
    ];
    expect(edit("json", text, ...changes)).toBe(
      `${JSON.stringify({ z: 1, Rcon: { Enabled: true, Port: 25575 }, list: [{ host: "0.0.0.0:1" }], "a.b": "c" }, null, 4)}\n`,
    );
  });

  test("a file that is not there, or is empty, is made", () => {
    expect(edit("json", null, set("a.b[0].c", null))).toBe(
      '{\n  "a": {\n    "b": [\n      {\n        "c": null\n      }\n    ]\n  }\n}\n',
    );
    expect(edit("json", "  ", set("a", 1))).toBe('{\n  "a": 1\n}\n');
  });

  test("keys of Object.prototype are keys like any other", () => {
    const text = edit("json", "{}", set("__proto__.polluted", "yes"), set("constructor", "x")) ?? "";
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
    expect(text).toContain('"__proto__": {\n    "polluted": "yes"');
  });

  test("what is no JSON is refused without what is in it", () => {
    expect(() => edit("json", '{"password": "geheim", }', set("a", 1))).toThrow(/is no JSON/);
    expect(() => edit("json", '{"password": "geheim", }', set("a", 1))).not.toThrow(/geheim/);
    expect(() => edit("json", "3", set("a", 1))).toThrow("neither an object nor a list");
  });

  test("a scalar in the way of a path is not replaced", () => {
    expect(edit("json", '{"a": 1}', set("a.b", 2))).toBe('{"a": 1}');
  });
});

const WATERFALL = `# the proxy
listeners:
- query_port: 25577
  host: 0.0.0.0:25577 # changed by the panel
servers:
  lobby:
    address: localhost:25566
    motd: '&1Lobby'
  games:
    address: 127.0.0.1
  far:
    address: 10.1.2.3:25565
`;

describe("yaml", () => {
  test("values are set at paths and wildcards; comments, order and quotes stay", () => {
    const local = set("servers.*.address", "172.18.0.1$2", "regex:^(127\\.0\\.0\\.1|localhost)(:\\d{1,5})?$");
    expect(
      edit("yaml", WATERFALL, set("listeners[0].host", "0.0.0.0:25565"), local, set("servers.lobby.motd", "Hi")),
    ).toBe(
      WATERFALL.replace("0.0.0.0:25577", "0.0.0.0:25565")
        .replace("localhost:25566", "172.18.0.1:25566")
        .replace("127.0.0.1", "172.18.0.1")
        .replace("'&1Lobby'", "'Hi'"),
    );
  });

  test("a condition without an expression holds for the whole value", () => {
    expect(edit("yaml", WATERFALL, set("servers.*.address", "X", "localhost"))).toBe(WATERFALL);
    expect(edit("yaml", WATERFALL, set("servers.*.address", "X", "127.0.0.1"))).toBe(
      WATERFALL.replace("127.0.0.1", "X"),
    );
  });

  test("behind a wildcard only what is there is changed, and elsewhere a missing path is made", () => {
    expect(edit("yaml", "servers:\n", set("servers.*.address", "X"))).toBe("servers:\n");
    expect(edit("yaml", null, set("server.address", "0.0.0.0"), set("server.port", "2333"), set("on", false))).toBe(
      "server:\n  address: 0.0.0.0\n  port: 2333\non: false\n",
    );
    expect(edit("yaml", "# only this\n", set("a", "b"))).toBe("# only this\n\na: b\n");
  });

  test("what is no YAML is refused by its line, without what is in it", () => {
    expect(() => edit("yaml", 'a: 1\nb: "geheim\n', set("a", 2))).toThrow(/line \d/);
    expect(() => edit("yaml", 'a: 1\nb: "geheim\n', set("a", 2))).not.toThrow(/geheim/);
  });
});

describe("xml", () => {
  const text = `<?xml version="1.0"?>\n<!-- <Port>0</Port> -->\n<Settings a='1'>\n  <Port>8800</Port>\n  <Name/>\n  <property name="ServerPort" value="1"/>\n  <property name="Other" value="2"/>\n</Settings>\n`;

  test("texts and attributes are set where they stand, and nothing else changes", () => {
    const changes = [
      set("Settings.Port", "25565"),
      set("Settings.Name", "A & <B>"),
      set("Settings.property[@name='ServerPort']", "[value='7']"),
    ];
    expect(edit("xml", text, ...changes)).toBe(
      text
        .replace("<Port>8800", "<Port>25565")
        .replace("<Name/>", "<Name>A &amp; &lt;B&gt;</Name>")
        .replace('value="1"', 'value="7"'),
    );
  });

  test("missing elements are made, in a file that is not there as well", () => {
    expect(edit("xml", "<A/>", set("A.B.C", 1))).toBe("<A><B><C>1</C></B></A>");
    expect(edit("xml", null, set("A.Port", 1), set("A.Name", "x"))).toBe("<A><Port>1</Port><Name>x</Name></A>\n");
  });

  test("a wildcard stands for every element, and a condition for those where it holds", () => {
    expect(edit("xml", "<a><b>1</b><c>2</c></a>", set("a.*", 9))).toBe("<a><b>9</b><c>9</c></a>");
    expect(edit("xml", "<a><b>1</b><b>2</b></a>", set("a.b", 9, "2"))).toBe("<a><b>1</b><b>9</b></a>");
  });

  test("a value cannot become markup, in texts as in attributes of either quote", () => {
    expect(edit("xml", "<a b='1'>x</a>", set("a", "</a><admin/>"), set("a", "[b='x' on='1']"))).toBe(
      "<a b='x&apos; on=&apos;1'>&lt;/a&gt;&lt;admin/&gt;</a>",
    );
  });

  test("document types, and what is no XML, are refused", () => {
    expect(() => edit("xml", '<!DOCTYPE a [<!ENTITY b "c">]><a/>', set("a", 1))).toThrow("document type");
    expect(() => edit("xml", "<a><b></a>", set("a", 1))).toThrow("not open");
    expect(() => edit("xml", `${"<a>".repeat(100)}${"</a>".repeat(100)}`, set("a", 1))).toThrow("in one another");
  });
});

test("an expression of a condition that is none is refused", () => {
  expect(() => edit("json", '{"a": "b"}', set("a", 1, "regex:("))).toThrow("no regular expression");
});
