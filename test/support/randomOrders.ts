/** L3: the order in |d| of KL(a || b) + KL(b || a) - d^T F d, a and b = theta -+ d / 2, over random cases. */
import { Effect, Result } from "effect"
import { Conditional, Fisher, Params, Structure } from "../../src/index.ts"
import { axpy, dot, matvec, slope, type Vector } from "../oracle/linear.ts"
import { jvp, layerValues, outputs } from "../oracle/network.ts"
import { generator } from "../oracle/random.ts"
import { libraryOf, type RandomCase } from "./randomCases.ts"
import { estimated, type Verdicts } from "./randomRuns.ts"

const fractions = [1, 0.7, 0.5, 0.35]

/** The symmetric divergence of each fraction of a step, and d^T F d of the whole step. */
interface Walk {
  readonly divergences: ReadonlyArray<number>
  readonly form: number
}

/** Which side of its kink each unit is on, where there is one. */
const sides = ({ X, net }: RandomCase, theta: Vector): string =>
  X.map((x) => {
    const values = layerValues(net, theta, x)
    return net.layers.flatMap((layer, l) =>
      layer.kind === "activation" && layer.name === "relu"
        ? Array.from(values[l]!, (s) => (s > 0 ? 1 : 0))
        : []
    )
  }).join()

/** Steps of this length, in float32, along which no kink is crossed; fewer than `count` where they are hard to find. */
const smoothSteps = (c: RandomCase, count: number, length: number): ReadonlyArray<Vector> => {
  const kinks = c.net.layers.some((layer) => layer.kind === "activation" && layer.name === "relu")
  const found: Array<Vector> = []
  for (let attempt = 0; attempt < 10 * count && found.length < count; attempt++) {
    const d = c.random.direction(c.theta.length).map((v) => Math.fround(length * v))
    const ends = fractions.flatMap((t) => [axpy(c.theta, -t / 2, d), axpy(c.theta, t / 2, d)])
    if (!kinks || new Set([c.theta, ...ends].map((theta) => sides(c, theta))).size === 1) found.push(d)
  }
  return found
}

/** The remainders, each step with the sign that it has at its full length: so they add up, and rounding of either sign does not. */
const remainders = (walks: ReadonlyArray<Walk>, factor: number): ReadonlyArray<number> => {
  const of = ({ divergences, form }: Walk, i: number) => divergences[i]! - factor * fractions[i]! ** 2 * form
  return fractions.map((_, i) => walks.reduce((sum, walk) => sum + Math.sign(of(walk, 0)) * of(walk, i), 0))
}

const orderOf = (walks: ReadonlyArray<Walk>, factor: number): number =>
  slope(fractions, remainders(walks, factor))

/** The remainder of each fraction, as a part of d^T F d there. */
const relative = (walks: ReadonlyArray<Walk>): ReadonlyArray<number> => {
  const form = walks.reduce((sum, walk) => sum + walk.form, 0)
  return remainders(walks, 1).map((value, i) => (form === 0 ? 0 : value / (fractions[i]! ** 2 * form)))
}

/** (1/N) sum_n (J d)^T Lambda (J d). */
const formOf = ({ X, likelihood, net, theta }: RandomCase, d: Vector): number =>
  X.reduce((sum, x) => {
    const moved = jvp(net, theta, x, d)
    return sum + dot(moved, matvec(likelihood.closedFormFisher(outputs(net, theta, x)), moved)) / X.length
  }, 0)

const oracleWalk = (c: RandomCase, d: Vector): Walk => ({
  form: formOf(c, d),
  divergences: fractions.map((t) => {
    const [from, to] = [axpy(c.theta, -t / 2, d), axpy(c.theta, t / 2, d)]
    return c.X.reduce((sum, x) => {
      const [a, b] = [outputs(c.net, from, x), outputs(c.net, to, x)]
      return sum + (c.likelihood.kl(a, b) + c.likelihood.kl(b, a)) / c.X.length
    }, 0)
  })
})

const oracleWalks = (c: RandomCase, count: number, length: number): ReadonlyArray<Walk> =>
  smoothSteps(c, count, length).map((d) => oracleWalk(c, d))

/** What a sum of divergences in float64 cannot tell from 0 over these lengths: 10^4 times its rounding. */
const unseen = 1e-12

/**
 * In the oracle, |d| = 0.02 to 0.007, or less where kinks are near. The remainder may be 0, as for a Gaussian where z is quadratic in
 * theta, or too small to see, as for outputs that hardly depend on theta.
 */
export const oracleOrder = (c: RandomCase): Verdicts => {
  let length = 0.02
  let walks = oracleWalks(c, 5, length)
  while (walks.length < 5 && length > 1e-3) {
    length /= 2
    walks = oracleWalks(c, 5, length)
  }
  const form = walks.reduce((sum, walk) => sum + walk.form, 0)
  const none = Math.abs(remainders(walks, 1)[0]!) <= unseen * (1 + form)
  return {
    order: {
      error: none ? 0 : Math.abs(orderOf(walks, 1) - 4),
      wrong: form < 1e5 * unseen ? undefined : Math.abs(orderOf(walks, 1.001) - 4)
    }
  }
}

/** |d| on tensors is 0.4 to 0.14. */
const longest = 0.4

const steps = 8

/**
 * Whether the oracle finds order 4 +- 0.05 at these lengths already, with a remainder that float32 can see (5e-5 of d^T F d at the
 * shortest) and that an error of 5 % in F outweighs (3 % at the longest).
 */
export const measurable = (c: RandomCase): boolean => {
  const walks = oracleWalks({ ...c, random: generator(c.seed) }, steps, longest)
  const parts = relative(walks).map(Math.abs)
  const seen = parts[0]! <= 0.03 && parts.at(-1)! >= 5e-5
  return walks.length === steps && seen && Math.abs(orderOf(walks, 1) - 4) <= 0.05
}

/** On tensors: the library's divergences and its Fisher, along steps that a measurable case has. */
export const tensorOrder = Effect.fnUntraced(function* (c: RandomCase) {
  const { conditional, params, tangent } = libraryOf(c)
  const { space } = conditional.network
  const fisher = yield* estimated(c, Structure.dense)
  const at = (d: Vector, t: number) => Params.make(space, axpy(params.values, t / 2, d))
  const walks = yield* Effect.forEach(smoothSteps({ ...c, random: generator(c.seed) }, steps, longest), (d) =>
    Effect.map(
      Effect.forEach(fractions, (t) =>
        Effect.zipWith(
          Conditional.klDivergence(conditional, at(d, -t), at(d, t)),
          Conditional.klDivergence(conditional, at(d, t), at(d, -t)),
          (there, back) => there + back
        )
      ),
      (divergences): Walk => ({
        divergences,
        form: Result.getOrThrow(Fisher.quadraticForm(fisher, tangent(d)))
      })
    )
  )
  return {
    order: { error: Math.abs(orderOf(walks, 1) - 4), wrong: Math.abs(orderOf(walks, 1.05) - 4) }
  } satisfies Verdicts
}, Effect.scoped)
