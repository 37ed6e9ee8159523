/** HTML from templates: text that goes in is escaped, HTML that goes in is not. */

export interface Html {
  readonly html: string
}

export type Part = string | number | Html | ReadonlyArray<Html>

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

const textOf = (part: Part): string => {
  if (typeof part === "object") return "html" in part ? part.html : part.map(({ html }) => html).join("")
  return escaped(String(part))
}

export const html = (strings: TemplateStringsArray, ...parts: ReadonlyArray<Part>): Html => ({
  html: String.raw({ raw: strings }, ...parts.map(textOf))
})

/** What is HTML already. */
export const raw = (text: string): Html => ({ html: text })

/** Data for a script: JSON in which no tag can end. */
export const json = (value: unknown): Html => raw(JSON.stringify(value).replaceAll("<", "\\u003c"))

/** A table whose first column names the rows. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<Part>>): Html => html`
<div class="scroll"><table>
<thead><tr>${head.map((text) => html`<th scope="col">${text}</th>`)}</tr></thead>
<tbody>${rows.map(
  ([first = "", ...cells]) => html`
<tr><th scope="row">${first}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`
)}
</tbody></table></div>`
