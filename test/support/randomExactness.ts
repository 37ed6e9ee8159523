/** L6: where theory says that a structure is the Fisher, or a part of it, and how far it is from that. */
import { Effect } from "effect"
import { Fisher, Structure } from "../../src/index.ts"
import { convolution, imageSize } from "../oracle/convolution.ts"
import { blocks, type OracleLayer, type OracleNetwork } from "../oracle/network.ts"
import type { Generator } from "../oracle/random.ts"
import { eps32, ratio } from "./measure.ts"
import { judged } from "./psd.ts"
import type { RandomCase } from "./randomCases.ts"
import { estimated, type Verdict, type Verdicts } from "./randomRuns.ts"

/** A P x P matrix, row-major. */
type Flat = ArrayLike<number>

type Block = ReturnType<typeof blocks>[number]

/** How far apart two matrices are, as a part of the second, and in units of P eps of it. */
interface Distance {
  readonly relative: number
  readonly ratio: number
}

const none: Distance = { relative: 0, ratio: 0 }

const distance = (size: number, squares: number, whole: number): Distance => ({
  relative: ratio(Math.sqrt(squares), judged(Math.sqrt(whole))),
  ratio: ratio(Math.sqrt(squares), size * eps32 * judged(Math.sqrt(whole)))
})

const further = (a: Distance, b: Distance): Distance => (b.ratio <= a.ratio ? a : b)

/** Entry (i, j) of a layer's block. */
const inBlock = ({ offset }: Block, m: Flat, i: number, j: number): number =>
  m[(offset + i) * Math.sqrt(m.length) + offset + j]!

/** Layer by layer, so that a small one does not hide behind a large one: a against what is due, the worst of them. */
const layerDistance = (
  { net }: RandomCase,
  a: Flat,
  due: (block: Block, i: number, j: number) => number
): Distance =>
  blocks(net)
    .map((block) => {
      let [squares, whole] = [0, 0]
      for (let i = 0; i < block.size; i++) {
        for (let j = 0; j < block.size; j++) {
          const entry = due(block, i, j)
          whole += entry ** 2
          squares += (inBlock(block, a, i, j) - entry) ** 2
        }
      }
      return distance(block.size, squares, whole)
    })
    .reduce(further, none)

/** All entries. */
const wholeDistance = (a: ArrayLike<number>, b: ArrayLike<number>, size: number): Distance => {
  let [squares, whole] = [0, 0]
  for (let i = 0; i < b.length; i++) {
    squares += (a[i]! - b[i]!) ** 2
    whole += b[i]! ** 2
  }
  return distance(size, squares, whole)
}

/** A wrong implementation that is right for this case, to 1 %, tells nothing. */
const verdict = (error: Distance, wrong: Distance): Verdict => ({
  error: error.ratio,
  wrong: wrong.relative < 0.01 ? undefined : wrong.ratio
})

/** The matrix with zeros between layers. */
const withinLayers = ({ net }: RandomCase, f: Flat): Float64Array => {
  const parameters = Math.sqrt(f.length)
  const out = new Float64Array(f.length)
  for (const { offset, size } of blocks(net)) {
    for (let i = offset; i < offset + size; i++) {
      for (let j = offset; j < offset + size; j++) out[i * parameters + j] = f[i * parameters + j]!
    }
  }
  return out
}

/** Ollivier's matrix of a layer: the diagonal, what a weight and its unit's bias share, and the rest of the unit completed from those. */
const quasiDiagonal =
  (f: Flat) =>
  (block: Block, i: number, j: number): number => {
    const { bias, inputs, units } = block
    if (i === j) return inBlock(block, f, i, i)
    if (!bias || i % units !== j % units) return 0
    const at0 = inputs * units + (i % units)
    if (i === at0 || j === at0) return inBlock(block, f, i, j)
    const top = inBlock(block, f, at0, at0)
    return top === 0 ? 0 : (inBlock(block, f, i, at0) * inBlock(block, f, j, at0)) / top
  }

const onDiagonal = (f: Flat) => (block: Block, i: number, j: number) =>
  i === j ? inBlock(block, f, i, j) : 0

/** Structures that are the dense Fisher or a part of it, whatever the case. */
export const partsOfDense = Effect.fnUntraced(function* (c: RandomCase) {
  const matrixOf = (structure: Structure.AnyStructure<"toDense">) =>
    Effect.map(estimated(c, structure), Fisher.toDense)
  const f = yield* matrixOf(Structure.dense)
  const parameters = Math.sqrt(f.length)
  const part = withinLayers(c, f)
  const whole = wholeDistance(f, part, parameters)
  const diagonal = yield* matrixOf(Structure.diagonal)
  const kfac = yield* matrixOf(Structure.kfac)
  const ekfac = yield* estimated(c, Structure.ekfac)
  const mixed = Structure.mixed(blocks(c.net).map(() => Structure.dense))
  const blocksOf = (m: Flat) =>
    further(
      wholeDistance(m, part, parameters),
      layerDistance(c, m, (at, i, j) => inBlock(at, f, i, j))
    )
  const due = Float64Array.of(traceOf(f))
  const traceAgainst = (value: number) => wholeDistance([value], due, parameters)
  const gram = yield* matrixOf(Structure.gram)
  const quasi = quasiDiagonal(f)
  return {
    "diagonal is that of dense": verdict(
      layerDistance(c, diagonal, onDiagonal(f)),
      layerDistance(c, diagonalOf(kfac), onDiagonal(f))
    ),
    "blockDiagonal is the blocks of dense": verdict(
      blocksOf(yield* matrixOf(Structure.blockDiagonal)),
      whole
    ),
    "mixed of dense is the blocks of dense": verdict(blocksOf(yield* matrixOf(mixed)), whole),
    "quasiDiagonal is those entries of dense": verdict(
      layerDistance(c, yield* matrixOf(Structure.quasiDiagonal), quasi),
      layerDistance(c, diagonal, quasi)
    ),
    "gram is dense": verdict(
      further(
        wholeDistance(gram, f, parameters),
        layerDistance(c, gram, (at, i, j) => inBlock(at, f, i, j))
      ),
      wholeDistance(kfac, f, parameters)
    ),
    "the trace of ekfac is that of dense": verdict(
      traceAgainst(Fisher.trace(ekfac)),
      traceAgainst(traceOf(kfac))
    )
  } satisfies Verdicts
})

const traceOf = (f: Flat): number => {
  const n = Math.sqrt(f.length)
  return Array.from({ length: n }, (_, i) => f[i * (n + 1)]!).reduce((a, b) => a + b, 0)
}

const diagonalOf = (f: Flat): Float64Array => {
  const n = Math.sqrt(f.length)
  return Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? f[at]! : 0))
}

/** K-FAC and EKFAC against the blocks of the Fisher, where they are exact. */
export const kroneckerExact = Effect.fnUntraced(function* (c: RandomCase) {
  const f = Fisher.toDense(yield* estimated(c, Structure.blockDiagonal))
  const kfac = yield* estimated(c, Structure.kfac)
  const ekfac = Fisher.toDense(yield* estimated(c, Structure.ekfac))
  const against = (m: Flat) => layerDistance(c, m, (at, i, j) => inBlock(at, f, i, j))
  return {
    kfac: verdict(against(Fisher.toDense(kfac)), against(swapped(c, kfac.means))),
    ekfac: verdict(against(ekfac), against(diagonalOf(ekfac)))
  } satisfies Verdicts
})

/** G (x) A: the factors in the wrong order. */
const swapped = ({ net }: RandomCase, means: ReadonlyArray<Float32Array>): Float64Array => {
  const all = blocks(net)
  const parameters = all.reduce((sum, { size }) => sum + size, 0)
  const out = new Float64Array(parameters ** 2)
  all.forEach(({ offset, size, units }, l) => {
    const [a, g] = [Structure.unpacked(means[2 * l]!), Structure.unpacked(means[2 * l + 1]!)]
    const rows = size / units
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        const [p, q] = [Math.floor(i / rows), Math.floor(j / rows)]
        out[(offset + i) * parameters + offset + j] = g[p * units + q]! * a[(i % rows) * rows + (j % rows)]!
      }
    }
  })
  return out
}

/** A convolution, and convolutions of 1 x 1 after it, without activations: linear, every position by itself, and T > 1. */
export const linearConvolutions = (random: Generator): OracleNetwork => {
  const image = { height: 3 + random.integer(2), width: 3, channels: 1 + random.integer(2) }
  const bias = () => random.integer(3) > 0
  const first = convolution(1 + random.integer(3), {
    kernel: [1 + random.integer(2), 2],
    padding: [
      [random.integer(2), 0],
      [0, random.integer(2)]
    ],
    stride: [1, 1 + random.integer(2)],
    bias: bias()
  })
  const then = Array.from(
    { length: random.integer(3) },
    (): OracleLayer => convolution(1 + random.integer(3), { kernel: [1, 1], bias: bias() })
  )
  return { features: imageSize(image), image, layers: [first, ...then, { kind: "flatten" }] }
}
