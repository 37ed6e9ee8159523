/** The parts of the report that are text and tables. Every number comes from the findings. */
import type { Experiment, Findings } from "../experiment.ts"
import type { Study } from "../study.ts"
import { sizesOf } from "./charts.ts"
import { type Html, html, table } from "./html.ts"

const nothing = html``

/** Who is ahead, at equal updates and at equal seconds, in words that follow from the numbers. */
export const summaryOf = ({ common, finals, tracks }: Findings): Html => {
  if (finals.length === 0) return nothing
  const list = (values: ReadonlyArray<number | undefined>): string =>
    finals
      .map(({ method }, i) => ({ method, value: values[i] ?? Number.NaN }))
      .filter(({ value }) => Number.isFinite(value))
      .sort((a, b) => a.value - b.value)
      .map(({ method, value }) => `${method} ${value.toFixed(4)}`)
      .join(", ")
  const equal = finals.map((final) => final.lossAtCommon)
  const seconds = Math.min(...tracks.map((track) => track.seconds))
  return html`
<p>Mean training loss in nats, on ${finals[0]!.train.examples} fixed training examples, the best first.</p>
<ul>
${common === undefined ? nothing : html`<li>After ${common} updates of each method: ${list(equal)}.</li>`}
<li>After ${seconds.toFixed(1)} seconds of steps of each: ${list(finals.map(({ train }) => train.loss))}.</li>
</ul>
<p>All start from the same parameters and take the same batches in the same order. The methods take turns, so that their seconds
run side by side; only their steps are timed. Each learning rate is the best of the grid below. The batch is one for all and was not
tuned: a smaller one gives the first-order methods more updates in a second. <code>--batch</code> changes it.</p>`
}

/** What the plots of the Fisher show. */
export const fisherOf = ({ errors, spectra }: Study): Html => html`
<p>Left, or above: each point is one estimate with y sampled from p(y|x), against the exact expectation over y at the same
parameters and the same x. Independent draws have an error that falls as the draws to the power of -1/2, the dashed lines; the
slope in the table is a least-squares fit to the root mean squares. The other plot has the largest eigenvalues; for kfac they are
the products of those of its factors. Those under 1e-8 of the largest are rounding and left out.</p>
${table(
  ["sampled Fisher", "network", "examples", "draws", "estimates of each", "fitted slope"],
  errors.map(({ examples, network, points, slope, structure }) => [
    structure,
    sizesOf(network),
    examples,
    `${points[0]!.draws} to ${points.at(-1)!.draws}`,
    points[0]!.errors.length,
    Number.isFinite(slope) ? slope.toFixed(3) : "-"
  ])
)}
${table(
  ["eigenvalues", "network", "examples", "parameters", "largest", "100th"],
  spectra.map(({ examples, network, parameters, structure, values }) => [
    structure,
    sizesOf(network),
    examples,
    parameters,
    values[0]?.[1].toExponential(2) ?? "-",
    (values.find(([rank]) => rank >= 100)?.[1] ?? Number.NaN).toExponential(2)
  ])
)}`

/** Which class was taken for which, by the network that natural gradient trained. */
export const confusionOf = ({ finals }: Findings): Html => {
  const test = finals[0]?.test
  if (test === undefined) return nothing
  const classes = test.confusion.map((_, c) => String(c))
  return html`
<h2>What the trained network gets wrong</h2>
<p>${test.wrong.length} of the ${test.examples} test images, by natural gradient. Rows: the label; columns: the class that was taken
for it.</p>
${table(
  ["", ...classes],
  test.confusion.map((row, c) => [
    String(c),
    ...row.map((count, d) =>
      c === d ? html`<b>${count}</b>` : count === 0 ? html`<span class="faint">0</span>` : html`${count}`
    )
  ])
)}`
}

/** How many of the wrong ones are drawn. */
const drawn = 40

/** The mistakes it was surest of, with their pixels for the page's script. */
export const mistakesOf = ({ digits }: Experiment, { finals }: Findings) => {
  const { height, pixels, width } = digits.test
  const size = height * width
  const worst = [...(finals[0]?.test.wrong ?? [])]
    .sort((a, b) => b.probabilities[1] - a.probabilities[1])
    .slice(0, drawn)
  return {
    digits: {
      height,
      width,
      pixels: worst.map(({ example }) =>
        Buffer.from(pixels.subarray(example * size, (example + 1) * size)).toString("base64")
      )
    },
    html:
      worst.length === 0
        ? nothing
        : html`
<p>The ${worst.length} that it was surest of: the label, then what it was taken for and with which probability.</p>
<ul class="digits">${worst.map(
            ({ label, probabilities, taken }, i) => html`
<li><canvas width="${width}" height="${height}" data-digit="${i}" role="img" aria-label="A ${label}"></canvas>
${label} → ${taken} <small>${(100 * probabilities[1]).toFixed(0)} %</small></li>`
          )}
</ul>`
  }
}

/** The learning rates that were tried. */
export const gridOf = ({ tried }: Findings): Html =>
  tried.length === 0
    ? nothing
    : html`
<p>The grid: every learning rate ran for equal seconds; the best two of each method ran on, and the better was chosen.</p>
${table(
  ["method", "learning rate", "updates", "seconds", "training loss", ""],
  tried.map(({ chosen, learningRate, loss, method, seconds, second, updates }) => [
    method,
    learningRate,
    updates,
    seconds.toFixed(2),
    loss === undefined ? "left float32" : loss.toFixed(4),
    chosen ? html`<b>chosen</b>` : second ? "second" : ""
  ])
)}`
