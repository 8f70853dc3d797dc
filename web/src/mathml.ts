// Formulas come as MathML text. They are rebuilt element by element, so nothing but mathematics gets into the page.
const ELEMENTS = new Set([
  "math",
  "mrow",
  "mi",
  "mn",
  "mo",
  "mtext",
  "mspace",
  "msup",
  "msub",
  "msubsup",
  "mfrac",
  "msqrt",
  "mroot",
  "mover",
  "munder",
  "munderover",
  "mtable",
  "mtr",
  "mtd",
  "mstyle",
  "mpadded",
  "mphantom",
  "mmultiscripts",
  "mprescripts",
  "none",
  "menclose",
]);
const ATTRIBUTES = new Set([
  "display",
  "mathvariant",
  "stretchy",
  "fence",
  "separator",
  "accent",
  "form",
  "linethickness",
  "lspace",
  "rspace",
  "width",
  "columnalign",
  "displaystyle",
  "largeop",
  "movablelimits",
  "columnspacing",
  "rowspacing",
]);
const SPACE = "http://www.w3.org/1998/Math/MathML";

export function mathElement(text: string): Element | null {
  const parsed = new DOMParser().parseFromString(
    text.includes("xmlns") ? text : text.replace("<math", `<math xmlns="${SPACE}"`),
    "application/xml",
  );
  return parsed.querySelector("parsererror") ? null : copy(parsed.documentElement, 0);
}
function copy(from: Element, level: number): Element | null {
  if (!ELEMENTS.has(from.localName) || level > 60) return null;
  const made = document.createElementNS(SPACE, from.localName);
  for (const each of from.attributes) if (ATTRIBUTES.has(each.name)) made.setAttribute(each.name, each.value);
  for (const child of from.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) made.append(child.textContent ?? "");
    else if (child instanceof Element) {
      const inner = copy(child, level + 1);
      if (inner) made.append(inner);
    }
  }
  return made;
}
