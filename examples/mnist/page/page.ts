/** The report: one file of HTML that holds all it needs. */
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { Effect } from "effect"
import { Device } from "../../../src/index.ts"
import type { Experiment, Findings } from "../experiment.ts"
import { schedule } from "../methods.ts"
import { dampingOf } from "../settings.ts"
import { rowsOf } from "../table.ts"
import { type Chart, chartsOf } from "./charts.ts"
import { factsOf } from "./facts.ts"
import { type Html, html, json, raw, table } from "./html.ts"
import { confusionOf, fisherOf, gridOf, mistakesOf, summaryOf } from "./sections.ts"

/** How the run itself went. */
export interface Run {
  readonly stopped: boolean
  readonly seconds: number
}

const resolve = createRequire(import.meta.url).resolve
const text = (path: string): Effect.Effect<string> => Effect.promise(() => readFile(path, "utf8"))
const own = (name: string): string => new URL(name, import.meta.url).pathname

const figure = ({ id, title }: Chart): Html => html`
<figure><figcaption>${title}</figcaption><div class="chart" data-chart="${id}"></div></figure>`

const settingsOf = ({ digits, problem, settings }: Experiment, device: string, { seconds }: Run) => {
  const { size, signature } = problem.conditional.network.space
  const sampler =
    settings.sampler === "monte-carlo" ? `${settings.draws} drawn from p(y|x) for each x` : settings.sampler
  const kind = settings.structure === "kfac" ? "factored" : "absolute"
  return table(
    ["setting", "value"],
    [
      ["data", `${digits.name}, ${digits.train.count} and ${digits.test.count} images`],
      ["network", `${signature}, ${size} parameters`],
      ["batch, for every method", settings.batch],
      ["y of the Fisher", sampler],
      ["structure and damping", `${settings.structure}, ${kind} ${dampingOf(settings)}`],
      ["most KL of a step", `${settings.maxKL} nats`],
      ["Fisher sampled, renewed", `every ${schedule.sampleEvery}, every ${schedule.refresh} steps`],
      ["baselines", "SGD with momentum 0.9; Adam with 0.9, 0.999, 1e-8"],
      ["seed", settings.seed],
      ["device", device],
      ["seconds, asked and taken", `${settings.seconds}, ${seconds.toFixed(0)}`]
    ]
  )
}

/** The whole page. */
export const pageOf = Effect.fnUntraced(function* (experiment: Experiment, findings: Findings, run: Run) {
  const [plotScript, plotStyle, script, style] = yield* Effect.all([
    text(resolve("uplot/dist/uPlot.iife.min.js")),
    text(resolve("uplot/dist/uPlot.min.css")),
    text(own("charts.js")),
    text(own("style.css"))
  ])
  const device = yield* Device
  const charts = chartsOf(findings)
  const { digits, html: mistakes } = mistakesOf(experiment, findings)
  const data = { charts: [...charts.training, ...charts.fisher], digits }
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>natgrad on ${experiment.digits.name}</title>
<style>${raw(plotStyle)}${raw(style)}</style>
</head>
<body>
<main>
<h1>Natural gradient on ${experiment.digits.name}</h1>
${run.stopped ? html`<p class="note">This run was stopped before its end. What it had found is here.</p>` : ""}
${summaryOf(findings)}
${
  findings.tracks.length === 0
    ? ""
    : table(
        ["", ...findings.tracks.map(({ candidate }) => candidate.method)],
        rowsOf(findings).map(({ cells, what }) => [what, ...cells])
      )
}
<section class="charts">${charts.training.map(figure)}</section>
${
  findings.study === undefined
    ? ""
    : html`<h2>The Fisher</h2>
<section class="charts">${charts.fisher.map(figure)}</section>${fisherOf(findings.study)}`
}
${confusionOf(findings)}
${mistakes}
<h2>How it was run</h2>
${settingsOf(experiment, device.name, run)}
${gridOf(findings)}
${table(["", "this run"], factsOf())}
</main>
<script type="application/json" id="data">${json(data)}</script>
<script>${raw(plotScript)}</script>
<script>${raw(script)}</script>
</body>
</html>
`
  return page.html
})
