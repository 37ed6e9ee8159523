/**
 * Laws over random networks, likelihoods, data, samplers and structures. `NATGRAD_SEED=n` runs the case of one seed, `NATGRAD_SEED_BASE=n`
 * other cases than CI's.
 */
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { families } from "./support/families.ts"
import { worst } from "./support/measure.ts"
import { deficit, judged, negated, normOf, oneBitOff } from "./support/psd.ts"
import { kroneckerExact, linearConvolutions, partsOfDense } from "./support/randomExactness.ts"
import { announced, estimated, failuresOf, patient, type Verdicts } from "./support/randomRuns.ts"
import { definiteMatrices, randomMixture } from "./support/randomStructures.ts"
import { allStructures } from "./support/structures.ts"

beforeAll(() => console.info(announced("Random.laws")))

describe("L1", () => {
  it(
    "what is stored and what is written out is exactly symmetric and PSD, ratio <= 10, in 200 cases x 8 structures; control: one bit, the sign",
    patient,
    async () => {
      const failures = await failuresOf({
        count: 200,
        bound: 10,
        verdicts: Effect.fnUntraced(function* (c) {
          const verdicts: Record<string, Verdicts[string]> = {}
          for (const [name, structure] of Object.entries({ ...allStructures, mixed: randomMixture(c) })) {
            const matrices = definiteMatrices(yield* estimated(c, structure))
            const some = matrices.filter((m) => normOf(m) === judged(normOf(m)))
            verdicts[name] = {
              error: worst(matrices.map(deficit)),
              wrong:
                some.length === 0
                  ? undefined
                  : Math.min(...some.map((m) => Math.min(deficit(oneBitOff(m)), deficit(negated(m)))))
            }
          }
          return verdicts
        })
      })
      expect(failures).toEqual([])
    }
  )
})

describe("L6", () => {
  it(
    "diagonal, blockDiagonal, mixed, quasiDiagonal and gram are dense or its entries, and the trace of ekfac is dense's, ratio <= 50, in 200 cases; control: kfac, all of dense, no coupling",
    patient,
    async () => {
      expect(await failuresOf({ count: 200, bound: 50, wrongIn: 0.25, verdicts: partsOfDense })).toEqual([])
    }
  )

  const exact = { bound: 50, wrongIn: 0.5, verdicts: kroneckerExact }
  const gaussians = families.filter(({ oracle }) => oracle.name.startsWith("gaussian"))

  it(
    "kfac and ekfac are exact within layers for deep linear networks, Gaussian, ratio <= 50, in 80 cases; control: G (x) A, the diagonal of ekfac",
    patient,
    async () => {
      const wishes = {
        activations: ["identity"],
        images: 0,
        families: gaussians,
        samplers: ["exact"],
        examples: [2, 9]
      } as const
      expect(await failuresOf({ ...exact, count: 80, wishes })).toEqual([])
    }
  )

  it(
    "kfac and ekfac are exact within layers for linear convolutions, Gaussian at every position, T > 1, ratio <= 50, in 60 cases; control: as above",
    patient,
    async () => {
      const wishes = {
        network: linearConvolutions,
        families: gaussians,
        samplers: ["exact"],
        examples: [2, 9]
      } as const
      expect(await failuresOf({ ...exact, count: 60, wishes })).toEqual([])
    }
  )

  it(
    "kfac and ekfac are exact within layers for one example, M of 1 to 6, ratio <= 50, in 100 cases; control: as above",
    patient,
    async () => {
      expect(await failuresOf({ ...exact, count: 100, wishes: { examples: [1, 1], images: 0 } })).toEqual([])
    }
  )
})
