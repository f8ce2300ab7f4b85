import { expect, test } from "vitest";
import { labProblem, type Machine } from "./lab-needs.ts";

const machine = (changes: Partial<Machine>): Machine => ({
  ...{ platform: "linux", uid: 0, path: "/usr/bin", exists: () => true },
  ...changes,
});

test("root on Linux with every package may have a lab", () => {
  expect(labProblem(machine({}))).toBeNull();
});

test("elsewhere, and without root, the reason is one line", () => {
  expect(labProblem(machine({ platform: "darwin" }))).toMatch(/^a lab is made of Linux namespaces.*$/);
  expect(labProblem(machine({ uid: 1000 }))).toMatch(/run it as root$/);
});

test("missing packages are named once each, with the line that installs them", () => {
  const exists = (path: string) => !/(dockerd|docker|tc|busybox)$/.test(path);
  expect(labProblem(machine({ exists }))).toBe(
    "packages are missing: apt-get install busybox-static docker.io iproute2",
  );
});

test("a program that lies where only administrators look is found", () => {
  const exists = (path: string) => path === "/bin/busybox" || path.startsWith("/usr/sbin/");
  expect(labProblem(machine({ exists }))).toBeNull();
});
