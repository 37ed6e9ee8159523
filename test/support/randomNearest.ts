/** How much farther than K-FAC an approximation of a layer's Fisher is from it. */
import { Effect } from "effect"
import { Fisher, Sampler, Structure } from "../../src/index.ts"
import { blocks } from "../oracle/network.ts"
import type { Generator } from "../oracle/random.ts"
import { eps32, ratio } from "./measure.ts"
import { judged } from "./psd.ts"
import { libraryOf, type RandomCase } from "./randomCases.ts"
import { estimated, runCase, type Verdict } from "./randomRuns.ts"

type Flat = ArrayLike<number>

/** |a - f| of a layer, and |f| of it, Frobenius. */
const away = (a: Flat, f: Flat, { offset, size }: ReturnType<typeof blocks>[number]) => {
  const parameters = Math.sqrt(f.length)
  let [squares, whole] = [0, 0]
  for (let i = offset; i < offset + size; i++) {
    for (let j = offset; j < offset + size; j++) {
      const due = f[i * parameters + j]!
      squares += (a[i * parameters + j]! - due) ** 2
      whole += due ** 2
    }
  }
  return { distance: Math.sqrt(squares), norm: Math.sqrt(whole) }
}

/** The largest over the layers of (|a - F| - |K - F|) / (P_l eps |F|): over 0 where `a` is farther than K-FAC. */
const excess = ({ net }: RandomCase, a: Flat, kfac: Flat, f: Flat): number =>
  blocks(net).reduce((most, block) => {
    const [mine, theirs] = [away(a, f, block), away(kfac, f, block)]
    const more = mine.distance - theirs.distance
    const value = Math.sign(more) * ratio(Math.abs(more), block.size * eps32 * judged(mine.norm))
    return Number.isNaN(value) || !Number.isFinite(more) ? Number.POSITIVE_INFINITY : Math.max(most, value)
  }, Number.NEGATIVE_INFINITY)

/** Orthonormal columns, `[n, n]` row-major: Gram and Schmidt, twice, on normal vectors. */
const randomBasis = (random: Generator, n: number): Float32Array => {
  const columns: Array<Float64Array> = []
  while (columns.length < n) {
    let v = random.normals(n)
    for (let round = 0; round < 2; round++) {
      for (const u of columns) {
        const along = v.reduce((sum, value, i) => sum + value * u[i]!, 0)
        v = v.map((value, i) => value - along * u[i]!)
      }
    }
    const length = Math.hypot(...v)
    columns.push(v.map((value) => value / length))
  }
  return Float32Array.from({ length: n * n }, (_, at) => columns[at % n]![Math.floor(at / n)]!)
}

const matrixOf = (c: RandomCase, structure: Structure.AnyStructure<"toDense">) =>
  Effect.map(estimated(c, structure), Fisher.toDense)

/** EKFAC's excess; `wrong` is that of the controls, where they are farther from F than K-FAC by more than `bound`. */
export const nearest = (bound: number, controls: (c: RandomCase) => boolean) =>
  Effect.fnUntraced(function* (c: RandomCase) {
    const f = yield* matrixOf(c, Structure.blockDiagonal)
    const kfac = yield* matrixOf(c, Structure.kfac)
    const ekfac = yield* estimated(c, Structure.ekfac)
    const excessOf = (a: Flat) => excess(c, a, kfac, f)
    const error = excessOf(Fisher.toDense(ekfac))
    const layout = libraryOf(c).conditional.network.space
    const inBases = (bases: ReadonlyArray<Float32Array>) => Structure.ekfac.second(bases, layout)
    const verdict = (wrong: number): Verdict => ({ error, wrong: wrong > bound ? wrong : undefined })
    if (!controls(c)) return { "scalings of other draws": verdict(-1), "random bases": verdict(-1) }
    const other = { ...c, sampler: Sampler.monteCarlo({ draws: 3, seed: c.seed + 1 }) }
    const moved = yield* runCase(other)(matrixOf(other, inBases(ekfac.structure.constants)))
    const bases = layout.blocks.flatMap(({ columns, rows }) => [
      randomBasis(c.random, rows),
      randomBasis(c.random, columns)
    ])
    const turned = yield* matrixOf(c, inBases(bases))
    return { "scalings of other draws": verdict(excessOf(moved)), "random bases": verdict(excessOf(turned)) }
  })
