/**
 * EKFAC is never farther from the Fisher than K-FAC (George et al. 2018, theorem 3), over random networks. `NATGRAD_SEED=n` runs the
 * case of one seed, `NATGRAD_SEED_BASE=n` other cases than CI's.
 */
import { beforeAll, expect, it } from "vitest"
import { nearest } from "./support/randomNearest.ts"
import { announced, failuresOf, patient } from "./support/randomRuns.ts"

beforeAll(() => console.info(announced("RandomNearest.laws")))

/** In units of P_l eps |F_l|: what rounding to float32 may add. */
const bound = 10

it(
  "|F - EKFAC| <= |F - K-FAC| within every layer, to 10 P_l eps |F_l|, on 1,000 networks; control: scalings of other draws, random bases",
  patient,
  async () => {
    const verdicts = nearest(bound, ({ seed }) => seed % 5 === 0)
    expect(await failuresOf({ count: 1000, bound, wrongIn: 0.1, verdicts })).toEqual([])
  }
)
