/**
 * A function of one's own goes the way of layers: the same z, gradients, products with J and Fishers as layers that compute the same, and
 * those of derivatives by hand where no layer does.
 *
 * N = 7 takes the gradients example by example, and N = 105 (21 for the oscillation) takes J parameter by parameter. eps is 2^-24.
 */
import * as tf from "@tensorflow/tfjs"
import { Effect, Layer, Result } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  Damping,
  DataSource,
  type Device,
  Fisher,
  MatrixFree,
  NaturalGradient,
  Params,
  Sampler,
  Structure,
  Tangent
} from "../src/index.ts"
import {
  axpy,
  dot,
  flatten,
  type Matrix,
  matvec,
  norm,
  slope,
  tabulate,
  type Vector
} from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import { dyadic, eps32, matrixError, ratio, vectorError, worst } from "./support/measure.ts"
import {
  inputs,
  jacobianTimes,
  layered,
  likelihood,
  mapsOf,
  oscillation,
  oscillator,
  oscillatorFisher,
  reordered,
  reorderedMatrix,
  times,
  written
} from "./support/ownFunctions.ts"
import { devices, rows, runWith } from "./support/subject.ts"

const random = generator(17)
const theta = dyadic(random.normals(26), 8)
const same = written("same")
/** The last of four hidden units is left out. */
const other = written("other", (h) => tf.mul(h, tf.tensor1d([1, 1, 1, 0.99])))
const unit = 26 * eps32
const draws = Sampler.monteCarlo({ draws: 3, seed: 5 })

/** With x, labels from a plane, a sampler and a device. */
const given = (
  device: Layer.Layer<Device, unknown>,
  X: Matrix,
  sampler: Layer.Layer<Sampler, unknown> = Sampler.exact
) => {
  const [x, y] = [X.map((row) => Array.from(row)), X.map((row) => [row[0]!, row[0]! - row[1]!])]
  return runWith(Layer.mergeAll(DataSource.fromArrays({ x, y }), sampler, device))
}

const paramsOf = <S extends string>({ network }: Conditional.Conditional<S>, values: Vector) =>
  Params.make(network.space, Array.from(values))

for (const [name, device] of Object.entries(devices)) {
  for (const examples of [7, 105]) {
    describe(`3 > dense(4) > tanh > dense(2) written as a function, N = ${examples} on ${name}`, () => {
      const X = inputs(examples, 3)
      const run = given(device, X)
      const ours = (of: typeof same) => paramsOf(of, reordered(theta))
      const theirs = paramsOf(layered, theta)

      it("z, 1 and 3 columns of gradients, the sum of one, and J v are those of the layers, ratio <= 10; control: a unit 1 % weaker", async () => {
        for (const columns of [1, 3]) {
          const w = Float32Array.from(dyadic(random.normals(columns * examples * 2), 8))
          const vs = [1, 2].map(() => dyadic(random.normals(26), 8))
          const due = await run(mapsOf(layered, theirs, X, vs, w, columns))
          const errors = async (of: typeof same) => {
            const made = await run(mapsOf(of, ours(of), X, vs.map(reordered), w, columns))
            return [
              vectorError(made.z, due.z, unit),
              vectorError(made.pulled, reordered(due.pulled), unit * Math.sqrt(examples)),
              worst(made.gradients.map((row, i) => vectorError(row, reordered(due.gradients[i]!), unit))),
              worst(made.jvs.map((jv, i) => vectorError(jv, due.jvs[i]!, unit)))
            ]
          }
          expect(worst(await errors(same))).toBeLessThanOrEqual(10)
          expect(Math.min(...(await errors(other)))).toBeGreaterThan(10)
        }
      })

      for (const [title, sampler] of [["exact", Sampler.exact] as const, ["3 draws", draws] as const]) {
        it(`the Fishers, the gradient and the step are those of the layers, ratio <= 10 (step: times the condition) [${title}]; control: a unit 1 % weaker`, async () => {
          const go = given(device, X, sampler)
          const all = <S extends string>(of: Conditional.Conditional<S>, params: Params.Params<S>) =>
            Effect.gen(function* () {
              const fisherOf = (structure: Structure.Structure<"toDense">) =>
                Fisher.estimate(of, params, structure as typeof structure & Structure.Fit<S>)
              const matrices = yield* Effect.forEach(
                [Structure.dense, Structure.diagonal, Structure.gram, Structure.quasiDiagonal],
                fisherOf
              )
              const { gradient, loss } = yield* Conditional.lossAndGradient(of, params)
              const dense = yield* Fisher.estimate(
                of,
                params,
                Structure.dense as typeof Structure.dense & Structure.Fit<S>
              )
              const step = yield* Effect.fromResult(
                NaturalGradient.step(params, gradient, dense, {
                  learningRate: 1,
                  damping: Damping.absolute(1)
                })
              )
              return {
                loss,
                gradient: gradient.values,
                step: step.update.values,
                fishers: matrices.map((f) => rows(Fisher.toDense(f)))
              }
            })
          const due = await go(all(layered, theirs))
          const errors = async (of: typeof same) => {
            const made = await go(all(of, ours(of)))
            // Without a bias row a unit is its weights alone, and quasi-diagonal is diagonal.
            const fishers = due.fishers.map(reorderedMatrix).with(3, reorderedMatrix(due.fishers[1]!))
            const condition = 1 + norm(flatten(due.fishers[0]!))
            return [
              ratio(Math.abs(made.loss - due.loss), unit * due.loss),
              vectorError(made.gradient, reordered(due.gradient), unit),
              vectorError(made.step, reordered(due.step), unit * condition),
              ...made.fishers.map((fisher, i) => matrixError(fisher, fishers[i]!, unit))
            ]
          }
          expect(worst(await errors(same))).toBeLessThanOrEqual(10)
          expect(Math.min(...(await errors(other)))).toBeGreaterThan(10)
        })
      }
    })
  }

  for (const examples of [7, 21]) {
    describe(`a damped oscillation, Gaussian of variance 0.3, N = ${examples} on ${name}`, () => {
      const X = times(examples)
      const run = given(device, X)
      const { space } = oscillator.network
      const at = (values: Vector) => Params.make(space, Array.from(values))
      const params = at(oscillation)
      const v = dyadic(random.normals(4), 6)
      const bound = 16 * eps32

      it("F is that of derivatives by hand in every structure without factors, and F v, ratio <= 10; control: F at a rate 1e-3 off", async () => {
        const errors = async (due: Matrix) => {
          const fisher = async (structure: Structure.AnyStructure<"toDense">) =>
            rows(
              Fisher.toDense(
                await run(Fisher.estimate(oscillator, params, structure, { blockSize: examples }))
              )
            )
          const product = await run(
            MatrixFree.apply(MatrixFree.make(oscillator, params), Tangent.make(space, v))
          )
          const blocks = tabulate(4, 4, (i, j) => (i === j || (i < 2 && j < 2) ? due[i]![j]! : 0))
          const alone = tabulate(4, 4, (i, j) => (i === j ? due[i]![j]! : 0))
          return [
            matrixError(await fisher(Structure.dense), due, bound),
            matrixError(await fisher(Structure.gram), due, bound),
            matrixError(await fisher(Structure.blockDiagonal), blocks, bound),
            matrixError(
              await fisher(Structure.mixed([Structure.dense, Structure.gram, Structure.diagonal])),
              blocks,
              bound
            ),
            matrixError(await fisher(Structure.diagonal), alone, bound),
            matrixError(await fisher(Structure.quasiDiagonal), alone, bound),
            vectorError(product.values, matvec(due, v), bound)
          ]
        }
        expect(worst(await errors(oscillatorFisher(oscillation, X)))).toBeLessThanOrEqual(10)
        const off = oscillatorFisher(axpy(oscillation, 1e-3, [1, 0, 0, 0]), X)
        expect(Math.min(...(await errors(off)))).toBeGreaterThan(10)
      })

      it("L3: symmetric KL less d^T F d has order 4.0 +- 0.1 in |d| = 0.4 to 0.1; control: 1.05 F", async () => {
        const fisher = await run(Fisher.estimate(oscillator, params, Structure.dense))
        const directions = generator(3)
        const halves = Array.from({ length: 8 }, () =>
          dyadic(
            directions.direction(4).map((e) => 0.2 * e),
            12
          )
        )
        const fractions = [1, 0.75, 0.5, 0.25]
        const symmetric = await run(
          Effect.forEach(halves, (half) =>
            Effect.forEach(fractions, (t) => {
              const [from, to] = [at(axpy(oscillation, -t, half)), at(axpy(oscillation, t, half))]
              return Effect.zipWith(
                Conditional.klDivergence(oscillator, from, to),
                Conditional.klDivergence(oscillator, to, from),
                (there, back) => there + back
              )
            })
          )
        )
        const forms = halves.map(
          (half) => 4 * Result.getOrThrow(Fisher.quadraticForm(fisher, Tangent.make(space, half)))
        )
        const order = (factor: number) => {
          const left = (h: number, i: number) => symmetric[h]![i]! - factor * fractions[i]! ** 2 * forms[h]!
          const total = (i: number) =>
            halves.reduce((sum, _, h) => sum + Math.sign(left(h, 0)) * left(h, i), 0)
          return slope(
            fractions,
            fractions.map((_, i) => total(i))
          )
        }
        expect(Math.abs(order(1) - 4)).toBeLessThanOrEqual(0.1)
        expect(Math.abs(order(1.05) - 4)).toBeGreaterThan(0.1)
      })

      it("L7: J v is that by hand, <J v, w> = <v, J^T w>, ratio <= 10; central differences meet it with order 2.0 +- 0.1; control: 1 % off", async () => {
        const w = Float32Array.from(dyadic(random.normals(examples * 2), 8))
        const made = await run(mapsOf(oscillator, params, X, [v], w, 1))
        const jv = made.jvs[0]!
        const due = jacobianTimes(oscillation, X, v)
        const pulled = made.gradients.reduce((sum, row) => axpy(sum, 1, row))
        expect(vectorError(made.pulled, pulled, bound)).toBeLessThanOrEqual(10)
        const gap = (scaled: number) =>
          ratio(Math.abs(scaled * dot(jv, w) - dot(v, pulled)), bound * norm(jv) * norm(w))
        expect(vectorError(jv, due, bound)).toBeLessThanOrEqual(10)
        expect(
          vectorError(
            jv.map((e) => 1.01 * e),
            due,
            bound
          )
        ).toBeGreaterThan(10)
        expect(gap(1)).toBeLessThanOrEqual(10)
        expect(gap(1.01)).toBeGreaterThan(10)
        const steps = [2 ** -3, 2 ** -4, 2 ** -5, 2 ** -6]
        const z = (h: number) =>
          run(
            Conditional.predict(
              oscillator,
              at(axpy(oscillation, h, v)),
              X.map((x) => Array.from(x))
            )
          )
        const quotients = await Promise.all(
          steps.map(async (h) => axpy(await z(h), -1, await z(-h)).map((change) => change / (2 * h)))
        )
        const order = (scaled: number) =>
          slope(
            steps,
            quotients.map((q) => norm(axpy(q, -scaled, jv)))
          )
        expect(Math.abs(order(1) - 2)).toBeLessThanOrEqual(0.1)
        expect(Math.abs(order(1.01) - 2)).toBeGreaterThan(0.1)
      })
    })
  }

  describe(`what tfjs cannot differentiate twice, on ${name}`, () => {
    /** tanh with a gradient that is not written in operations of tfjs: differentiating it again misses it without an error. */
    const opaque = tf.customGrad((x, save) => {
      const value = tf.tanh(x as tf.Tensor)
      ;(save as (tensors: ReadonlyArray<tf.Tensor>) => void)([value])
      return {
        value,
        gradFunc: (dy, saved) => {
          const [h] = saved as ReadonlyArray<tf.Tensor>
          const slopes = tf.mul(dy as tf.Tensor, tf.sub(1, tf.square(h!)))
          return tf.tensor(slopes.dataSync(), slopes.shape)
        }
      }
    })
    const through = (name: string, h: (s: tf.Tensor) => tf.Tensor) =>
      Conditional.fromFunction(
        {
          name,
          parameters: { w: [2, 3], b: [3] },
          features: 2,
          outputs: 3,
          f: ({ b, w }, x) => h(tf.add(tf.matMul(x, w), b))
        },
        likelihood
      )
    const functions = {
      "elu, where it throws": through("elu", (s) => tf.elu(s)),
      "a gradient of one's own, which it misses": through("opaque", (s) => opaque(s) as tf.Tensor)
    }
    for (const [title, of] of Object.entries(functions)) {
      it(`${title}: J v and J^T w agree all the same, N = 5 and 41, ratio <= 10; control: J v off by 1 %`, async () => {
        for (const examples of [5, 41]) {
          const X = inputs(examples, 2)
          const w = Float32Array.from(dyadic(random.normals(examples * 3), 8))
          const v = dyadic(random.normals(9), 8)
          const values = dyadic(random.normals(9), 8)
          const made = await runWith(device)(mapsOf(of, paramsOf(of, values), X, [v], w, 1))
          const jv = made.jvs[0]!
          const pulled = made.gradients.reduce((sum, row) => axpy(sum, 1, row))
          const gap = (scaled: number) =>
            ratio(Math.abs(scaled * dot(jv, w) - dot(v, pulled)), 9 * eps32 * norm(jv) * norm(w))
          expect(norm(jv)).toBeGreaterThan(0.1)
          expect(gap(1)).toBeLessThanOrEqual(10)
          expect(gap(1.01)).toBeGreaterThan(10)
        }
      })
    }
  })
}
