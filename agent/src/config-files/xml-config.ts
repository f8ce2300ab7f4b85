import { type ConfigChange, ConfigFault, changedValue, valueText } from "./config-value.ts";

/** How deep elements may be in one another. */
const DEPTH_MAX = 64;
const ELEMENTS_MAX = 50_000;

type XmlElement = {
  readonly name: string;
  readonly attributes: readonly Attribute[];
  readonly children: XmlElement[];
  /** Of the start tag: where it begins and ends, and whether it is the whole element. */
  readonly tagFrom: number;
  tagTo: number;
  readonly isEmptyTag: boolean;
  /** Where its end tag begins and ends; for an empty tag both are tagTo. */
  endFrom: number;
  endTo: number;
};
type Attribute = {
  readonly name: string;
  readonly value: string;
  readonly valueFrom: number;
  readonly valueTo: number;
};
type Edit = { readonly from: number; readonly to: number; readonly text: string };

/**
 * Sets texts and attributes of elements. A path names the root first ("Settings.Port"); "*" stands for every element, "[@name='x']"
 * behind a name for those with that attribute. A value of the form "[attribute='value']" sets an attribute instead of the text.
 * Missing elements are made where a path says one place. Everything else stays to the letter; document types are refused.
 */
export function editXml(text: string, changes: readonly ConfigChange[]): string {
  let present = text;
  for (const change of changes) present = applied(present, change);
  return present;
}

function applied(text: string, change: ConfigChange): string {
  const steps = stepsOf(change.match);
  const [rootStep, ...rest] = steps;
  if (rootStep === undefined) return text;
  const root = parse(text);
  if (root === null) {
    if (change.ifValue !== null || steps.some(isOpen)) return text;
    return `${text.trimEnd()}${text.trim() === "" ? "" : "\n"}${nested(steps, change)}\n`;
  }
  if (!fits(root, rootStep)) return text;
  let found: XmlElement[] = [root];
  for (const [index, step] of rest.entries()) {
    const next = found.flatMap(({ children }) => children.filter((child) => fits(child, step)));
    if (next.length > 0) {
      found = next;
      continue;
    }
    const [parent] = found;
    const missing = rest.slice(index);
    if (parent === undefined || change.ifValue !== null || steps.some(isOpen)) return text;
    return withEdits(text, [childEdit(text, parent, nested(missing, change))]);
  }
  return withEdits(
    text,
    found.flatMap((element) => valueEdit(text, element, change)),
  );
}

type Step = { readonly name: string; readonly attribute: { readonly name: string; readonly value: string } | null };

function stepsOf(match: string): Step[] {
  const parts = match.match(/(?:\[[^\]]*\]|[^.[])+/g) ?? [];
  return parts.map((part) => {
    const [, name = part, attribute, value] = /^([^[]*)\[@([^=\]]+)=['"]([^'"]*)['"]\]$/.exec(part) ?? [];
    return { name, attribute: attribute === undefined ? null : { name: attribute, value: value ?? "" } };
  });
}

const isOpen = ({ name, attribute }: Step): boolean => name === "*" || attribute !== null || !/^[\w:.-]+$/.test(name);

function fits(element: XmlElement, { name, attribute }: Step): boolean {
  if (name !== "*" && element.name !== name) return false;
  return (
    attribute === null || element.attributes.some((one) => one.name === attribute.name && one.value === attribute.value)
  );
}

const ATTRIBUTE_VALUE = /^\[([\w:.-]+)='(.*)'\]$/s;

function nested(steps: readonly Step[], change: ConfigChange): string {
  const [first, ...rest] = steps;
  if (first === undefined) return "";
  if (rest.length > 0) return `<${first.name}>${nested(rest, change)}</${first.name}>`;
  const value = valueText(change.value);
  const [, attribute, attributeValue = ""] = ATTRIBUTE_VALUE.exec(value) ?? [];
  if (attribute !== undefined) return `<${first.name} ${attribute}="${escaped(attributeValue)}"/>`;
  return `<${first.name}>${escaped(value)}</${first.name}>`;
}

function childEdit(text: string, parent: XmlElement, child: string): Edit {
  if (!parent.isEmptyTag) return { from: parent.endFrom, to: parent.endFrom, text: child };
  const open = text.slice(parent.tagFrom, parent.tagTo).replace(/\s*\/>$/, ">");
  return { from: parent.tagFrom, to: parent.tagTo, text: `${open}${child}</${parent.name}>` };
}

function valueEdit(text: string, element: XmlElement, change: ConfigChange): Edit[] {
  const whole = valueText(change.value);
  const [, attribute, attributeValue = ""] = ATTRIBUTE_VALUE.exec(whole) ?? [];
  if (attribute !== undefined) {
    const present = element.attributes.find(({ name }) => name === attribute);
    const value = changedValue({ ...change, value: attributeValue }, present?.value ?? null);
    if (value === undefined) return [];
    const shown = escaped(valueText(value));
    if (present) return [{ from: present.valueFrom, to: present.valueTo, text: shown }];
    const at = element.tagTo - (element.isEmptyTag ? 2 : 1);
    return [{ from: at, to: at, text: ` ${attribute}="${shown}"` }];
  }
  const inner = element.isEmptyTag ? "" : text.slice(element.tagTo, element.endFrom);
  const value = changedValue(change, element.children.length > 0 ? null : plain(inner).trim());
  if (value === undefined) return [];
  const shown = escaped(valueText(value));
  if (element.isEmptyTag) return [childEdit(text, element, shown)];
  // Of an element with others in it only the text before the first of them.
  const to = element.children[0]?.tagFrom ?? element.endFrom;
  return [{ from: element.tagTo, to, text: shown }];
}

function withEdits(text: string, edits: readonly Edit[]): string {
  const backwards = [...edits].sort((left, right) => right.from - left.from);
  return backwards.reduce((result, { from, to, text: put }) => result.slice(0, from) + put + result.slice(to), text);
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function plain(text: string): string {
  return text
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/<!\[CDATA\[([\s\S]*?)\]\]>/g, (_, inner: string) => escaped(inner))
    .replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w{1,8}));/g, (whole, decimal, hex, name) => {
      if (name !== undefined) return ENTITIES[String(name)] ?? whole;
      const code = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    });
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&apos;");
}

/** The root element; null where there is none. Throws ConfigFault. */
function parse(text: string): XmlElement | null {
  const open: XmlElement[] = [];
  let root: XmlElement | null = null;
  let count = 0;
  let at = 0;
  for (;;) {
    const from = text.indexOf("<", at);
    if (from === -1) break;
    if (text.startsWith("<!--", from)) at = after(text, "-->", from + 4);
    else if (text.startsWith("<![CDATA[", from)) at = after(text, "]]>", from + 9);
    else if (text.startsWith("<?", from)) at = after(text, "?>", from + 2);
    else if (text.startsWith("<!", from)) throw new ConfigFault("is XML with a document type, which is not read");
    else if (text.startsWith("</", from)) {
      at = after(text, ">", from + 2);
      const name = text.slice(from + 2, at - 1).trim();
      const element = open.pop();
      if (element?.name !== name) throw new ConfigFault(`is no XML: an element is ended that is not open, at ${from}`);
      element.endFrom = from;
      element.endTo = at;
    } else {
      count += 1;
      if (count > ELEMENTS_MAX) throw new ConfigFault(`has more than ${ELEMENTS_MAX} elements`);
      const element = startTag(text, from);
      at = element.tagTo;
      const parent = open.at(-1);
      if (parent) parent.children.push(element);
      else if (root) throw new ConfigFault("is no XML: it has two root elements");
      else root = element;
      if (element.isEmptyTag) continue;
      open.push(element);
      if (open.length > DEPTH_MAX) throw new ConfigFault(`has more than ${DEPTH_MAX} elements in one another`);
    }
  }
  if (open.length > 0) throw new ConfigFault("is no XML: it ends within an element");
  return root;
}

function after(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  if (at === -1) throw new ConfigFault(`is no XML: "${what}" is missing after ${from}`);
  return at + what.length;
}

function startTag(text: string, from: number): XmlElement {
  const name = /^[\w:.-]+/.exec(text.slice(from + 1, from + 257))?.[0];
  if (name === undefined) throw new ConfigFault(`is no XML: there is no name at ${from + 1}`);
  const attributes: Attribute[] = [];
  const attribute = /\s*([\w:.-]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;
  let at = from + 1 + name.length;
  for (;;) {
    attribute.lastIndex = at;
    const found = attribute.exec(text);
    if (found === null) break;
    at = attribute.lastIndex;
    const raw = found[2] ?? found[3] ?? "";
    const [, attributeName = ""] = found;
    attributes.push({ name: attributeName, value: plain(raw), valueFrom: at - 1 - raw.length, valueTo: at - 1 });
  }
  const end = /\s*(\/?)>/y;
  end.lastIndex = at;
  const closing = end.exec(text);
  if (closing === null) throw new ConfigFault(`is no XML: the element at ${from} does not end`);
  const tagTo = end.lastIndex;
  const isEmptyTag = closing[1] === "/";
  return { name, attributes, children: [], tagFrom: from, tagTo, isEmptyTag, endFrom: tagTo, endTo: tagTo };
}
