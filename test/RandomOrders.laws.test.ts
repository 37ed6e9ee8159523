/**
 * L3 and L4 over random networks, likelihoods and data. `NATGRAD_SEED=n` runs the case of one seed, `NATGRAD_SEED_BASE=n` other cases
 * than CI's.
 */
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { measurable, oracleOrder, tensorOrder } from "./support/randomOrders.ts"
import { enumerable, natural, observedHessian, routes } from "./support/randomRoutes.ts"
import { announced, failuresOf, patient } from "./support/randomRuns.ts"

beforeAll(() => console.info(announced("RandomOrders.laws")))

describe("L3: the midpoint-symmetric KL less d^T F d", () => {
  const gains = [0.5, 1, 2]

  it(
    "has slope 4.00 +- 0.03, or is 0 to 1e-12, for |d| = 0.02 to 0.007 in the oracle, in 200 cases; control: 1.001 F",
    patient,
    async () => {
      const verdicts = (c: Parameters<typeof oracleOrder>[0]) => Effect.sync(() => oracleOrder(c))
      expect(
        await failuresOf({
          count: 200,
          bound: 0.03,
          wrongIn: 0.9,
          wishes: { gains, families: enumerable },
          verdicts
        })
      ).toEqual([])
    }
  )

  it(
    "has slope 4.0 +- 0.1 for |d| = 0.4 to 0.14 on tensors, in 60 cases where float32 can see it; control: 1.05 F",
    patient,
    async () => {
      const wishes = { gains, families: enumerable, samplers: ["exact"], kept: measurable } as const
      expect(await failuresOf({ count: 60, bound: 0.1, wrongIn: 1, wishes, verdicts: tensorOrder })).toEqual(
        []
      )
    }
  )
})

describe("L4: three routes to the Fisher", () => {
  // A gain of 10 has softmaxes whose Fisher is under 2^-126.
  const gains = [0.01, 0.1, 0.5, 1, 3]
  const others = enumerable.filter((family) => !natural(family))

  it(
    "E[s s^T] over every y, the exact sampler and J^T Lambda J are -E[Hessian of log p], ratio <= 50, in 200 cases; control: the Hessian at the data's labels",
    patient,
    async () => {
      expect(
        await failuresOf({ count: 200, bound: 50, wishes: { gains, families: enumerable }, verdicts: routes })
      ).toEqual([])
    }
  )

  it(
    "the same for z that are no natural parameters, in 40 cases; control: the Hessian at the data's labels, another in 9 of 10 at least",
    patient,
    async () => {
      expect(
        await failuresOf({
          count: 40,
          bound: 50,
          wrongIn: 0.9,
          wishes: { gains, families: others },
          verdicts: routes
        })
      ).toEqual([])
    }
  )

  it(
    "where z are linear natural parameters the Hessian at the data's labels is F, ratio <= 50, in 60 cases; control: at 1.1 theta",
    patient,
    async () => {
      const wishes = { depth: [1, 1], images: 0, gains, families: enumerable.filter(natural) } as const
      expect(
        await failuresOf({ count: 60, bound: 50, wrongIn: 0.25, wishes, verdicts: observedHessian })
      ).toEqual([])
    }
  )
})
