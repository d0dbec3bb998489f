// XML text as a tree of elements in document order. Checks that it is one well-formed document; knows nothing of TwiML.
import { XMLParser, XMLValidator } from 'fast-xml-parser'

export type Element = { name: string; attributes: Record<string, string>; children: (Element | string)[] }

const ATTRIBUTES = ':@'
const TEXT = '#text'

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  htmlEntities: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
})

/** The document's root element, or why there is none, in a few words. */
export function parseXml(text: string): { root: Element } | { fault: string } {
  const verdict = XMLValidator.validate(text)
  if (verdict !== true) return { fault: `${verdict.err.msg} (line ${verdict.err.line ?? 1})` }
  const top = (parser.parse(text) as Node[]).map(elementOf).filter((node) => typeof node !== 'string' || node.trim())
  const [root, extra] = top
  if (root === undefined || typeof root === 'string') return { fault: 'Text outside of the root element' }
  return extra === undefined ? { root } : { fault: 'More than one root element' }
}

/** All text within an element, nested elements' too, with runs of white space as one space. */
export function textOf(element: Element): string {
  const pieces = (node: Element | string): string =>
    typeof node === 'string' ? node : node.children.map(pieces).join('')
  return pieces(element).replace(/\s+/g, ' ').trim()
}

/** fast-xml-parser's ordered form: one key names the element and holds its children; `:@` holds its attributes. */
type Node = { [TEXT]?: string; [ATTRIBUTES]?: Record<string, string>; [name: string]: unknown }

function elementOf(node: Node): Element | string {
  if (node[TEXT] !== undefined) return node[TEXT]
  const name = Object.keys(node).find((key) => key !== ATTRIBUTES) ?? ''
  return { name, attributes: node[ATTRIBUTES] ?? {}, children: (node[name] as Node[]).map(elementOf) }
}
