/** The walk over the data that asks how an estimate's groups of examples differ, and how their draws might have come out. */
import { Effect, type Scope, Stream } from "effect"
import { DataFailure, type NonFinite, type ShapeMismatch, type TensorFailure } from "../../Errors.ts"
import type { Batch } from "../../model/Batch.ts"
import { type Loaded, linearize } from "../../model/Conditional.ts"
import { giveBack } from "../../model/Loan.ts"
import { blocks } from "../../sampling/Blocks.ts"
import { type DataError, DataSource } from "../../sampling/DataSource.ts"
import type { Draws } from "../../sampling/Draws.ts"
import { Sampler, type SamplerError } from "../../sampling/Sampler.ts"
import type { Device } from "../../tensor/Device.ts"
import { sampledSums } from "../Estimate.ts"
import type { Structure } from "../Structure.ts"
import { sameNumbers, sumOfSquares } from "./arrays.ts"
import { blocksOf } from "./groupSize.ts"
import { grouped, groupsOf } from "./groups.ts"
import { count, type GroupSums, start, type Tally, together, type Whole } from "./jackknife.ts"

/** Which examples and draws, and how many examples a group has at most. */
export interface Task<S extends string> {
  readonly loaded: Loaded<S>
  readonly structure: Structure<never>
  readonly whole: Whole
  readonly groupSize: number
  readonly blockSize: number
  readonly concurrency: number
  readonly pass: number
  readonly round: number
}

type BlockError = SamplerError | ShapeMismatch | NonFinite | TensorFailure

/** Other draws than those of the round: no sequence of estimates gets so far. */
const otherRound = (round: number): number => Number.MAX_SAFE_INTEGER - round

/** Whether two rounds have the same draws: then nothing is drawn. */
const sameDraws = (a: Draws, b: Draws): boolean =>
  a._tag === "Labels" && b._tag === "Labels"
    ? sameNumbers(a.labels, b.labels) && sameNumbers(a.weights, b.weights)
    : a._tag === "Cotangents" && b._tag === "Cotangents" && sameNumbers(a.cotangents, b.cotangents)

/** One forward pass, and for each of two rounds of draws a backward pass and the structure's sums, group by group. */
const blockGroups = Effect.fnUntraced(function* <S extends string>(
  { groupSize, loaded, round, structure }: Task<S>,
  batch: Batch
): Effect.fn.Return<ReadonlyArray<GroupSums>, BlockError, Sampler | Device | Scope.Scope> {
  const made = yield* linearize(loaded, batch)
  const sampler = yield* Sampler
  const groups = groupsOf(batch.examples, groupSize)
  const sumsOf = (draws: Draws) =>
    sampledSums(made, grouped(structure, groups), round).pipe(
      Effect.provideService(Sampler, { name: sampler.name, draw: () => Effect.succeed(draws) }),
      Effect.map(({ sums }) => sums)
    )
  const draws = yield* sampler.draw(made.outputs, round)
  const others = yield* sampler.draw(made.outputs, otherRound(round))
  const own = yield* sumsOf(draws)
  const anew = sameDraws(draws, others) ? undefined : yield* sumsOf(others)
  const moments = structure.moments(loaded.conditional.network.space)
  const part = (of: typeof own, g: number) => moments.map((_, i) => of[g * moments.length + i]!)
  return groups.map(({ from, to }, g) => ({
    examples: to - from,
    own: part(own, g),
    anew: anew && part(anew, g)
  }))
}, Effect.scoped)

/** How far the sums of this walk may be from those of the estimate, over their norm: the rounding of float32 is far below. */
const repeatable = 2 ** -10

/** Whether this walk met the examples and the draws of the estimate. */
const repeats = ({ examples, means }: Whole, { examples: met, sums }: Tally): boolean =>
  met === examples &&
  sums.every((sum, i) => {
    const mean = means[i]!
    let away = 0
    for (let j = 0; j < sum.length; j++) away += (sum[j]! / examples - mean[j]!) ** 2
    return away <= repeatable ** 2 * sumOfSquares(mean)
  })

const otherData = (source: string, sampler: string): DataFailure =>
  new DataFailure({
    source,
    message: `The second walk over ${source} met other examples, or ${sampler} other draws, than the first. Give a source and a sampler that repeat themselves for one pass and one round.`
  })

/** The tally of all groups; no bit of it depends on the concurrency. *Fails*: `DataFailure` where the walk is not that of the estimate. */
export const walkGroups = Effect.fnUntraced(function* <S extends string>(
  task: Task<S>
): Effect.fn.Return<Tally, BlockError | DataError, DataSource | Sampler | Device> {
  const { blockSize, concurrency, groupSize, pass, whole } = task
  const tally = start(whole)
  const due = blocksOf(groupSize, blockSize)
  let pending: { readonly sums: GroupSums; readonly blocks: number } | undefined
  const close = () => {
    if (pending !== undefined) count(tally, whole, pending.sums)
    pending = undefined
  }
  yield* blocks({ size: blockSize, pass }).pipe(
    Stream.mapEffect(
      (batch) =>
        blockGroups(task, batch).pipe(
          Effect.tap(() => {
            giveBack(batch)
            return Effect.yieldNow
          })
        ),
      { concurrency }
    ),
    Stream.flattenIterable,
    Stream.runForEach((group) => {
      pending = {
        sums: pending === undefined ? group : together(pending.sums, group),
        blocks: (pending?.blocks ?? 0) + 1
      }
      if (pending.blocks === due) close()
      return Effect.yieldNow
    })
  )
  close()
  if (repeats(whole, tally)) return tally
  return yield* otherData((yield* DataSource).name, (yield* Sampler).name)
})
