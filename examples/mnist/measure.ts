/** What a conditional makes of a set of images: loss, accuracy, and which class it takes for which. */
import { Effect, Stream } from "effect"
import { Blocks, Conditional, DataSource, type Params } from "../../src/index.ts"

export interface Measured {
  readonly examples: number
  /** Mean negative log-likelihood, in nats. */
  readonly loss: number
  /** Share of examples whose most probable class is their label. */
  readonly accuracy: number
  /** `[C, C]`: how many of the class of the row were taken for that of the column. */
  readonly confusion: ReadonlyArray<ReadonlyArray<number>>
  readonly wrong: ReadonlyArray<Mistake>
}

export interface Mistake {
  /** Index in the set. */
  readonly example: number
  readonly label: number
  readonly taken: number
  /** p(label|x) and p(taken|x). */
  readonly probabilities: readonly [number, number]
}

const blockSize = 1000

/** One forward pass over the source, and all that is counted on the way. */
export const measure = Effect.fnUntraced(function* (
  conditional: Conditional.Conditional<string>,
  params: Params.Params<string>
) {
  const classes = conditional.network.outputs
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  const wrong: Array<Mistake> = []
  const loaded = yield* Conditional.load(conditional, params)
  let examples = 0
  let loss = 0
  yield* Blocks.blocks({ size: blockSize, pass: 0 }).pipe(
    Stream.runForEach((batch) =>
      Effect.gen(function* () {
        const { distribution, size, z } = yield* Conditional.evaluate(loaded, batch)
        const { values } = yield* Conditional.checkedLabels(conditional.likelihood, size, batch)
        for (let n = 0; n < batch.examples; n++) {
          const label = values[n]!
          const p = distribution(n)
          const taken = largestOf(z.subarray(n * size, (n + 1) * size))
          const own = p.logProbability([label])
          loss -= own
          confusion[label]![taken]! += 1
          if (taken !== label) {
            const probabilities = [Math.exp(own), Math.exp(p.logProbability([taken]))] as const
            wrong.push({ example: batch.indices[n]!, label, taken, probabilities })
          }
        }
        examples += batch.examples
        yield* Effect.yieldNow
      })
    )
  )
  const measured: Measured = {
    examples,
    loss: loss / examples,
    accuracy: 1 - wrong.length / examples,
    confusion,
    wrong
  }
  return measured
}, Effect.scoped)

/** The same on a source given as a value. */
export const measureOn = (
  source: typeof DataSource.Service,
  conditional: Conditional.Conditional<string>,
  params: Params.Params<string>
) => measure(conditional, params).pipe(Effect.provideService(DataSource, source))

const largestOf = (values: Float32Array): number => {
  let best = 0
  for (let c = 1; c < values.length; c++) if (values[c]! > values[best]!) best = c
  return best
}
