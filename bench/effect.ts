/**
 * Whose code the time of an estimate is spent in, by a profile: K-FAC with one draw, in blocks of 64 examples.
 *
 * A sample is its innermost function's: natgrad's (also where Effect calls it), tfjs's JavaScript, kernels in WebAssembly or a BLAS, Effect's,
 * the garbage collector's; a function of JavaScript itself is its caller's. Samples are counted, not the time between them, in which
 * something else may have had the processor.
 *
 * `node bench/effect.ts DEVICE THREADS WORKLOAD` profiles its own process and prints a line of JSON; `profiles` runs it.
 */
import { type Profiler, Session } from "node:inspector/promises"
import { Effect } from "effect"
import { Fisher, Structure } from "../src/index.ts"
import { answer, child, type Place } from "./children.ts"
import type { Series } from "./turns.ts"
import { problemOf, samplers } from "./workloads.ts"

const blockSize = 64
const intervalUs = 200
const profileCount = 5
const profileMs = 1500
const profiled = ["a", "d"] as const

const own = new URL("../src/", import.meta.url).href

type Owner = "natgrad" | "tfjs" | "kernels" | "Effect" | "garbage collector" | "the rest"

/** Whose a function is, by its caller's file where it has none; undefined for one of JavaScript itself. */
const ownerOf = (
  { functionName, url }: Profiler.ProfileNode["callFrame"],
  caller: string
): Owner | undefined => {
  if (functionName === "(garbage collector)") return "garbage collector"
  if (url.startsWith(own)) return "natgrad"
  // koffi gives the routines of a library any name, and no file.
  if (url.startsWith("wasm:") || (url === "" && caller.endsWith("/native.ts"))) return "kernels"
  if (url.includes("/node_modules/effect/")) return "Effect"
  if (url.includes("/node_modules/@tensorflow/")) return "tfjs"
  return url === "" && !functionName.startsWith("(") ? undefined : "the rest"
}

/** How many samples each owner has. */
const tally = ({ nodes, samples = [] }: Profiler.Profile): ReadonlyMap<Owner, number> => {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ children = [], id }) => children.map((below) => [below, id])))
  const counts = new Map<Owner, number>()
  for (const id of samples) {
    let at: number | undefined = id
    let owner: Owner | undefined
    while (owner === undefined && at !== undefined) {
      const caller = parents.get(at)
      owner = ownerOf(byId.get(at)!.callFrame, caller === undefined ? "" : byId.get(caller)!.callFrame.url)
      at = caller
    }
    counts.set(owner ?? "the rest", (counts.get(owner ?? "the rest") ?? 0) + 1)
  }
  return counts
}

/** Some profiles of an estimate that is repeated; the first, while it warms up, is thrown away. */
const measure = Effect.fnUntraced(function* (workload: (typeof profiled)[number]) {
  const { conditional, data, params } = yield* problemOf(workload)
  const estimate = Fisher.estimate(conditional, params, Structure.kfac, { blockSize }).pipe(
    Effect.provide(samplers.mc1),
    Effect.provideContext(data)
  )
  const session = new Session()
  session.connect()
  yield* Effect.promise(() => session.post("Profiler.enable"))
  yield* Effect.promise(() => session.post("Profiler.setSamplingInterval", { interval: intervalUs }))
  const times = new Map<Owner, Array<number>>()
  for (let i = 0; i <= profileCount; i++) {
    yield* Effect.promise(() => session.post("Profiler.start"))
    const start = performance.now()
    let runs = 0
    for (; performance.now() - start < profileMs; runs++) yield* estimate
    const { profile } = yield* Effect.promise(() => session.post("Profiler.stop"))
    if (i === 0) continue
    for (const [owner, count] of tally(profile)) {
      times.set(owner, [...(times.get(owner) ?? []), (count * intervalUs) / 1000 / runs])
    }
  }
  return [...times].map(
    ([owner, all]): Series => ({
      label: { workload, what: `time in ${owner}`, sampler: "mc1" },
      times: all
    })
  )
})

/** Of workloads a and d, each in a process of its own. */
export const profiles = (place: Place): ReadonlyArray<Series> =>
  profiled.flatMap((workload) => child<ReadonlyArray<Series>>("effect.ts", place, workload))

if (import.meta.main) await answer((workload) => measure(profiled.find((one) => one === workload)!))
