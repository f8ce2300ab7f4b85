import { create } from "@bufbuild/protobuf";
import { ContainerType, EggSchema, RestartPriority } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { describe, expect, test } from "vitest";
import {
  asUsersSeeIt,
  type CreateForm,
  emptyForm,
  formField,
  formForEgg,
  formProblems,
  hasField,
  keepsLocalData,
  toCreateRequest,
} from "./create-form.ts";

const egg = create(EggSchema, {
  id: "hello",
  variables: [
    { name: "GREETING", defaultValue: "Hello", required: true, pattern: "[A-Z][a-z]+" },
    { name: "LICENCE", required: true, pattern: "true" },
    { name: "COLOUR" },
  ],
  ports: [
    { name: "http", protocol: "tcp" },
    { name: "admin", protocol: "tcp" },
    { name: "query", protocol: "udp" },
  ],
  volumes: [{ name: "world", kind: "local", path: "/data" }],
  defaultResources: { cpuMillis: 250, memoryBytes: 64n << 20n, diskBytes: 128n << 20n },
});
const good = () => {
  const form = { ...formForEgg(emptyForm(), egg), name: "web-1" };
  form.environment["LICENCE"] = "true";
  return form;
};

describe("the form of a new container", () => {
  test("begins with the egg's defaults", () => {
    expect(good()).toMatchObject({
      eggId: "hello",
      cpuCores: "0.25",
      memoryMib: "64",
      diskMib: "128",
      environment: { GREETING: "Hello" },
    });
    expect(formProblems(good(), egg)).toEqual({});
  });

  test("has for users the variables alone that their egg leaves to them, and sends none of the others", () => {
    const kept = create(EggSchema, {
      id: "kept",
      variables: [
        { name: "MINE", userViewable: true, userEditable: true },
        { name: "SEEN", userViewable: true, required: true },
        { name: "HIDDEN", userEditable: true, defaultValue: "***", pattern: "[a-z]+" },
      ],
    });
    const shown = asUsersSeeIt(kept);
    expect(shown.variables.map(({ name }) => name)).toEqual(["MINE"]);
    const form = { ...formForEgg(emptyForm(), shown), name: "web-1" };
    form.environment["MINE"] = "x";
    expect(formProblems(form, shown)).toEqual({});
    expect(toCreateRequest(form, shown).environment).toEqual({ MINE: "x" });
  });

  test("leaves empty what the egg has no default for", () => {
    const bare = create(EggSchema, { id: "bare", defaultResources: { cpuMillis: 100 } });
    expect(formForEgg(emptyForm(), bare)).toMatchObject({ cpuCores: "0.1", memoryMib: "", diskMib: "" });
  });

  test("refuses names that the server would refuse", () => {
    for (const name of ["", "a", "-ab", "ab-", "Ab", "a_b", "a".repeat(64), "a b"]) {
      expect(formProblems({ ...good(), name }, egg)["name"], name).toBeDefined();
    }
    for (const name of ["ab", "0-9", "a".repeat(63)])
      expect(formProblems({ ...good(), name }, egg)["name"], name).toBeUndefined();
  });

  test("holds variables to the egg's rules over their whole length", () => {
    const problem = (name: string, value: string) => {
      const form = good();
      form.environment[name] = value;
      return formProblems(form, egg)[`environment.${name}`];
    };
    expect(problem("GREETING", "Hi there")).toContain("[A-Z][a-z]+");
    expect(problem("GREETING", "Hi")).toBeUndefined();
    expect(problem("GREETING", "")).toBeUndefined();
    expect(problem("LICENCE", "")).toBe("LICENCE must be given.");
    expect(problem("COLOUR", "x".repeat(8193))).toBeDefined();
    expect(problem("COLOUR", "x".repeat(8192))).toBeUndefined();
  });

  test("leaves a rule that the browser cannot read to the server", () => {
    const odd = create(EggSchema, { id: "odd", variables: [{ name: "A", pattern: "(?P<x>" }] });
    expect(formProblems({ ...formForEgg(emptyForm(), odd), name: "ab", environment: { A: "1" } }, odd)).toEqual({});
  });

  test("wants amounts with sense", () => {
    const field = (change: object, name: string) => formProblems({ ...good(), ...change }, egg)[name];
    for (const cpuCores of ["0.0001", "-1", "x", "Infinity", "9999999"])
      expect(field({ cpuCores }, "resources.cpu_millis"), cpuCores).toBeDefined();
    for (const memoryMib of ["0.5", "-1", "1e12"])
      expect(field({ memoryMib }, "resources.memory_bytes"), memoryMib).toBeDefined();
    for (const diskMib of ["", "0", "1.5"]) expect(field({ diskMib }, "resources.disk_bytes"), diskMib).toBeUndefined();
    expect(field({ cpuCores: "", memoryMib: " ", diskMib: "" }, "resources.disk_bytes")).toBeUndefined();
  });

  test("gives a host port to one port of a protocol only", () => {
    const ports = (hostPorts: Record<string, string>) => formProblems({ ...good(), hostPorts }, egg);
    expect(ports({ http: "8080", query: "8080" })).toEqual({});
    expect(ports({ http: "8080", admin: "8080" })["host_ports.admin"]).toContain("http");
    for (const http of ["0", "65536", "8o", "1.5", "-1"])
      expect(ports({ http })["host_ports.http"], http).toBeDefined();
  });

  test("asks for an egg before anything that depends on it", () => {
    expect(Object.keys(formProblems(emptyForm(), undefined))).toEqual(["name", "egg_id"]);
  });
});

describe("the request", () => {
  test("carries what was typed, and leaves defaults to the egg", () => {
    const form = { ...good(), hostPorts: { http: "8080", admin: "" }, memoryMib: "100", cpuCores: "0.1", diskMib: "" };
    expect(toCreateRequest(form, egg)).toEqual({
      name: "web-1",
      eggId: "hello",
      type: ContainerType.HA,
      preferredCluster: "",
      resources: { cpuMillis: 100, memoryBytes: 104_857_600n, diskBytes: 0n },
      environment: { LICENCE: "true" },
      hostPorts: { http: 8080 },
      createStopped: false,
      allowDataLoss: false,
      restartPriority: RestartPriority.NORMAL,
      constraints: [],
      architectures: [],
    });
  });

  test("asks of a node what stands in the lines, without the empty ones", () => {
    const form = { ...good(), constraints: " zone=a\n\ngpu exists\n", architectures: "amd64, ,arm64," };
    expect(toCreateRequest(form, egg)).toMatchObject({
      constraints: ["zone=a", "gpu exists"],
      architectures: ["amd64", "arm64"],
    });
    expect(hasField("constraints", egg) && hasField("architectures", egg)).toBe(true);
  });

  test("says who goes first, and after how many crashes it moves, where that is asked and makes sense", () => {
    const form: CreateForm = { ...good(), priority: "critical", crashesBeforeMove: " 0 " };
    expect(toCreateRequest(form, egg)).toMatchObject({
      restartPriority: RestartPriority.CRITICAL,
      crashesBeforeMove: 0,
    });
    expect(toCreateRequest({ ...form, ha: false }, egg)).not.toHaveProperty("crashesBeforeMove");
    for (const crashesBeforeMove of ["11", "-1", "1.5", "many"]) {
      expect(formProblems({ ...form, crashesBeforeMove }, egg)).toHaveProperty("crashes_before_move");
      expect(formProblems({ ...form, ha: false, crashesBeforeMove }, egg)).not.toHaveProperty("crashes_before_move");
    }
    expect(formProblems({ ...form, crashesBeforeMove: "10" }, egg)).not.toHaveProperty("crashes_before_move");
  });

  test("accepts data loss only where there is something to lose and somebody said so", () => {
    expect(keepsLocalData(egg)).toBe(true);
    expect(toCreateRequest({ ...good(), allowDataLoss: true }, egg).allowDataLoss).toBe(true);
    expect(toCreateRequest({ ...good(), ha: false, allowDataLoss: true }, egg).allowDataLoss).toBe(false);
  });
});

describe("a refusal of the server", () => {
  test("finds its input in either notation", () => {
    expect([
      formField('environment["GREETING"]'),
      formField("host_ports[http]"),
      formField("resources.memory_bytes"),
    ]).toEqual(["environment.GREETING", "host_ports.http", "resources.memory_bytes"]);
  });

  test("is shown above the form when it has no input there", () => {
    for (const field of ["name", "environment.GREETING", "host_ports.http", "resources.disk_bytes"])
      expect(hasField(field, egg), field).toBe(true);
    for (const field of ["", "environment.NOPE", "host_ports.nope", "resources", "other"])
      expect(hasField(field, egg), field).toBe(false);
  });
});
