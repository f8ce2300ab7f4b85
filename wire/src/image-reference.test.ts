import { expect, test } from "vitest";
import { parseImage, registryOf, sameRepository } from "./image-reference.ts";

const digest = `sha256:${"a".repeat(64)}`;

test.each([
  ["busybox", "busybox", "", "", "docker.io"],
  ["library/busybox:1.37", "library/busybox", "1.37", "", "docker.io"],
  ["index.docker.io/library/busybox", "index.docker.io/library/busybox", "", "", "docker.io"],
  ["localhost/app:2", "localhost/app", "2", "", "localhost"],
  ["127.0.0.1:5000/app", "127.0.0.1:5000/app", "", "", "127.0.0.1:5000"],
  [
    `Registry.Example.org:5000/team/app:v1@${digest}`,
    "Registry.Example.org:5000/team/app",
    "v1",
    digest,
    "registry.example.org:5000",
  ],
  [`ghcr.io/a/b@${digest}`, "ghcr.io/a/b", "", digest, "ghcr.io"],
])("%s is read as Docker reads it", (image, name, tag, written, registry) => {
  expect([parseImage(image), registryOf(image)]).toEqual([{ name, tag, digest: written }, registry]);
});

test("the short and the long name of a repository are one", () => {
  expect(sameRepository("busybox", "docker.io/library/busybox")).toBe(true);
  expect(sameRepository("team/app", "docker.io/team/app")).toBe(true);
  expect(sameRepository("team/app", "ghcr.io/team/app")).toBe(false);
  expect(sameRepository("library/app", "app")).toBe(true);
});
