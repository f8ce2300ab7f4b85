import fc from "fast-check";
import { expect, test } from "vitest";
import { type ImagePin, imageToOrder, pinAfter, pinNote, pinnedDigest } from "./image-pin.ts";

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const image = "registry.example.org:5000/team/app:v1";
const pinned: ImagePin = { image, digest: digest("a"), note: "" };
const life = { floating: false, moving: false };
const move = { floating: false, moving: true };

test("the digest that the first start found is what every later one is of, in place and elsewhere", () => {
  const first = imageToOrder({ image, pin: null }, life);
  expect(first).toEqual({ image, askRegistry: false });
  const pin = pinAfter({ image, pin: null }, first, { digest: digest("a"), note: "" });
  expect(pin).toEqual(pinned);
  const name = `registry.example.org:5000/team/app@${digest("a")}`;
  expect(imageToOrder({ image, pin }, life)).toEqual({ image: name, askRegistry: false });
  expect(imageToOrder({ image, pin }, move)).toEqual({ image: name, askRegistry: false });
});

test("a wish for what the name stands for now asks the registry at the next start in place, and is fulfilled by its answer", () => {
  const pin = { ...pinned, renew: true };
  // A failover in between is of what it ran.
  expect(imageToOrder({ image, pin }, move).image).toContain(`@${digest("a")}`);
  const order = imageToOrder({ image, pin }, life);
  expect(order).toEqual({ image, askRegistry: true });
  expect(pinAfter({ image, pin }, order, { digest: digest("b"), note: "" })).toEqual({
    ...pinned,
    digest: digest("b"),
  });
  const kept = pinAfter({ image, pin }, order, { digest: digest("a"), note: "its registry could not be asked: no" });
  expect(kept).toEqual({ ...pinned, note: "its registry could not be asked: no" });
});

test("of another image a pin says nothing, and an answer to an order of before pins nothing", () => {
  expect(imageToOrder({ image: "other:2", pin: pinned }, life)).toEqual({ image: "other:2", askRegistry: false });
  expect(pinnedDigest({ image: "other:2", pin: pinned })).toBe("");
  const late = pinAfter(
    { image: "other:2", pin: pinned },
    { image, askRegistry: false },
    { digest: digest("b"), note: "" },
  );
  expect(late).toBe(pinned);
});

test("an image that is named by its digest is run by that, and one without a name not at all", () => {
  const named = `app@${digest("c")}`;
  expect(imageToOrder({ image: named, pin: null }, { floating: true, moving: false }).image).toBe(named);
  expect(pinnedDigest({ image: named, pin: null })).toBe(digest("c"));
  expect(imageToOrder({ image: "", pin: null }, life)).toEqual({ image: "", askRegistry: false });
  expect([pinNote({ image: named, pin: null }, true), pinNote({ image: "", pin: null }, true)]).toEqual(["", ""]);
});

test("why an image is not pinned is said", () => {
  expect(pinNote({ image, pin: null }, false)).toContain("not pinned: it was not started");
  expect(pinNote({ image, pin: { image, digest: "", note: "not pinned: it was loaded" } }, false)).toContain("loaded");
  expect(pinNote({ image, pin: { ...pinned, renew: true } }, true)).toMatch(/its next start asks.*; images float/);
});

test("whatever happens, a migration asks no registry, and without a wish a pin stays what it is", () => {
  const found = fc.record({
    digest: fc.constantFrom("", digest("a"), digest("b")),
    note: fc.constantFrom("", "not pinned: it was loaded"),
  });
  const step = fc.record({ moving: fc.boolean(), found });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.boolean(), (steps, floating) => {
      let pin: ImagePin | null = null;
      for (const { moving, found: told } of steps) {
        const before: string = pinnedDigest({ image, pin });
        const order = imageToOrder({ image, pin }, { floating, moving });
        if (moving) expect(order.askRegistry).toBe(false);
        pin = pinAfter({ image, pin }, order, told);
        if (floating || before === "") continue;
        expect(order.image).toContain(before);
        expect(pinnedDigest({ image, pin })).toBe(before);
      }
    }),
  );
});
