/** XTrace by its definition: a new basis for every probe that is left out. Plain loops on diagonal matrices. */
import { mean } from "./statistics.ts"

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0
  for (let p = 0; p < a.length; p++) sum += a[p]! * b[p]!
  return sum
}

const outside = (v: Float64Array, basis: ReadonlyArray<Float64Array>): Float64Array => {
  const rest = v.slice()
  for (let pass = 0; pass < 2; pass++) {
    for (const q of basis) {
      const along = dot(q, rest)
      for (let p = 0; p < rest.length; p++) rest[p] = rest[p]! - along * q[p]!
    }
  }
  return rest
}

/** t_i of all probes. */
export const leaveOneOut = (
  entries: Float64Array,
  probes: ReadonlyArray<Float64Array>
): ReadonlyArray<number> =>
  probes.map((probe, left) => {
    const basis: Array<Float64Array> = []
    for (const [i, other] of probes.entries()) {
      if (i === left) continue
      const rest = outside(
        other.map((value, p) => value * entries[p]!),
        basis
      )
      const length = Math.sqrt(dot(rest, rest))
      basis.push(rest.map((value) => value / length))
    }
    const curvature = (v: Float64Array) =>
      dot(
        v.map((value, p) => value * entries[p]!),
        v
      )
    const x = outside(probe, basis)
    const inside = basis.reduce((sum, q) => sum + curvature(q), 0)
    return inside + ((entries.length - basis.length) * curvature(x)) / dot(x, x)
  })

/** The probes times the matrix of Hartley's, and of the cosine transform of type 4. */
const mixtures = (probes: ReadonlyArray<Float64Array>): ReadonlyArray<ReadonlyArray<Float64Array>> => {
  const k = probes.length
  const hartley = (i: number, j: number) =>
    (Math.cos((2 * Math.PI * i * j) / k) + Math.sin((2 * Math.PI * i * j) / k)) / Math.sqrt(k)
  const cosine = (i: number, j: number) => Math.sqrt(2 / k) * Math.cos((Math.PI * (i + 0.5) * (j + 0.5)) / k)
  return [hartley, cosine].map((entry) =>
    probes.map((probe, j) => probe.map((_, p) => probes.reduce((sum, w, i) => sum + entry(i, j) * w[p]!, 0)))
  )
}

/** The mean of all t_i of the probes and of their two mixtures. */
export const exchangeableTrace = (entries: Float64Array, probes: ReadonlyArray<Float64Array>): number =>
  mean([probes, ...mixtures(probes)].map((w) => mean(leaveOneOut(entries, w))))
