/**
 * The matrix-free Fisher against the dense one, which the other laws hold to the oracle.
 *
 * Networks are 3-4-3-3 (P = 43) at N = 7 examples in blocks of 3, 3 and 1; draws M = 4. eps is 2^-24.
 */
import { Effect, Layer, Result } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  ConjugateGradient,
  Damping,
  DataSource,
  Device,
  Draws,
  Fisher,
  MatrixFree,
  Sampler,
  Structure,
  type Tangent
} from "../src/index.ts"
import type { Case } from "./oracle/cases.ts"
import { type Matrix, matvec, norm, relativeError, type Vector } from "./oracle/linear.ts"
import { size } from "./oracle/network.ts"
import { generator } from "./oracle/random.ts"
import { eps32, vectorError } from "./support/measure.ts"
import { pairs, problem, runOn } from "./support/problems.ts"
import { condition } from "./support/structures.ts"
import { rows, subject } from "./support/subject.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"

const samplers = {
  exact: Sampler.exact,
  "4 draws": Sampler.monteCarlo({ draws: 4, seed: 1 })
}

const blockSize = 3

const setting = (c: Case, round = 0) => {
  const { conditional, cotangent, params, tangent } = subject(c)
  const random = generator(6)
  return {
    free: MatrixFree.make(conditional, params, { blockSize, round }),
    estimate: <Op extends Structure.Operation>(structure: Structure.Structure<Op>) =>
      Fisher.estimate(conditional, params, structure, { blockSize }),
    v: tangent(random.normals(size(c.net))),
    w: tangent(random.normals(size(c.net))),
    g: cotangent(random.normals(size(c.net)))
  }
}

for (const pair of pairs) {
  for (const [name, sampler] of Object.entries(samplers)) {
    describe(`${pair.title}, ${name}`, () => {
      const c = problem(pair)
      const unit = size(c.net) * eps32
      const run = runOn(c, sampler)

      it("products and forms are those of the dense Fisher, ratio <= 10; control: J^T J, or the draws of another round", async () => {
        const { estimate, free, v, w } = setting(c)
        const { dense, forms, product, vectors } = await run(
          Effect.all({
            dense: estimate(Structure.dense),
            product: MatrixFree.apply(free, v),
            forms: MatrixFree.quadraticForms(free, [w, v]),
            vectors: MatrixFree.operator(free).apply([new Float64Array(w.values), new Float64Array(v.values)])
          })
        )
        const due = Result.getOrThrow(Fisher.apply(dense, v)).values
        const form = (of: Tangent.Tangent<string>) => Result.getOrThrow(Fisher.quadraticForm(dense, of))
        expect(vectorError(product.values, due, unit)).toBeLessThanOrEqual(10)
        expect(vectorError(vectors[1]!, due, unit)).toBeLessThanOrEqual(10)
        expect(vectorError(vectors[0]!, due, unit)).toBeGreaterThan(10)
        expect(vectorError(forms, [form(w), form(v)], unit)).toBeLessThanOrEqual(10)
        expect(vectorError(forms, [form(v), form(w)], unit)).toBeGreaterThan(10)
        const plain = await runOn(
          c,
          name === "exact" ? identity : sampler
        )(MatrixFree.apply(setting(c, name === "exact" ? 0 : 1).free, v))
        expect(vectorError(plain.values, due, unit)).toBeGreaterThan(10)
      })

      // One activation will do: a solve is its products.
      if (pair.activation !== "tanh") return
      it("the solution is that of the dense Fisher at damping 0.1, its residual the computed one, with K-FAC and without; control: damping 0.2", async () => {
        const { estimate, free, g } = setting(c)
        const { dense, kfac } = await run(
          Effect.all({ dense: estimate(Structure.dense), kfac: estimate(Structure.kfac) })
        )
        const matrix = rows(Fisher.toDense(dense)).map((row, i) =>
          Float64Array.from(row, (value, j) => (i === j ? value + 0.1 : value))
        )
        const spread = condition(matrix)
        const due = (value: number) =>
          Result.getOrThrow(Fisher.solve(dense, g, Damping.absolute(value))).values
        // Products in float32 have no more digits than this.
        const rounding = 10 * eps32 * spread
        const options = { damping: 0.1, tolerance: 1e-6 + rounding }
        const solutions = await run(
          Effect.all([
            MatrixFree.solve(free, g, options),
            MatrixFree.solve(free, g, {
              ...options,
              preconditioner: { fisher: kfac, damping: Damping.factored(0.1) }
            }),
            MatrixFree.solve(free, g, {
              ...options,
              preconditioner: { fisher: dense, damping: Damping.absolute(0.1) }
            })
          ])
        )
        for (const { residual, solution } of solutions) {
          expect(residual).toBeLessThanOrEqual(options.tolerance)
          expect(relativeError(solution.values, due(0.1))).toBeLessThanOrEqual(options.tolerance * spread)
          const left = residualOf(matrix, solution.values, g.values)
          expect(Math.abs(left - residual)).toBeLessThanOrEqual(rounding)
          expect(relativeError(solution.values, due(0.2))).toBeGreaterThan(1e-3)
        }
        expect(solutions[0]!.iterations).toBeGreaterThan(solutions[2]!.iterations)
        expect(solutions[2]!.iterations).toBeLessThanOrEqual(2)
      })
    })
  }
}

describe("matrix-free operations", () => {
  const c = problem(pairs[0]!)
  const { conditional, data, params } = subject(c)
  const { g, v } = setting(c)

  it("do not depend on how the source batches, bit for bit; control: another blockSize", async () => {
    const product = (batchSize: number, size = blockSize) =>
      Effect.runPromise(
        MatrixFree.apply(MatrixFree.make(conditional, params, { blockSize: size }), v).pipe(
          Effect.provide([
            DataSource.fromArrays({ x: c.X.map((x) => Array.from(x)), batchSize }),
            Sampler.monteCarlo({ draws: 4, seed: 1 }),
            Device.wasm
          ])
        )
      )
    const [whole, ones, other] = [await product(7), await product(1), await product(7, 2)]
    expect(ones.values).toEqual(whole.values)
    expect(other.values).not.toEqual(whole.values)
  })

  it("leave no tensor behind, after success and failure", async () => {
    await checkEveryKernel()
    const free = MatrixFree.make(conditional, params, { blockSize })
    const programs: ReadonlyArray<
      Effect.Effect<unknown, { readonly _tag: string }, DataSource | Sampler | Device>
    > = [
      MatrixFree.apply(free, v),
      MatrixFree.quadraticForm(free, v),
      MatrixFree.solve(free, g, { damping: 0.1 }),
      MatrixFree.solve(free, g, { damping: 0.1, tolerance: 1e-6, maxIterations: 2 }),
      MatrixFree.apply(MatrixFree.make(conditional, Conditional.init(conditional, { seed: 1 })), v).pipe(
        Effect.provide(DataSource.fromArrays({ x: [[1, 2]] }))
      )
    ]
    const outcomes = await Effect.runPromise(
      Effect.gen(function* () {
        const before = tensorCounts()
        const tags: Array<string> = []
        for (const program of programs) {
          const exit = yield* Effect.result(program)
          tags.push(Result.isFailure(exit) ? exit.failure._tag : "success")
          expect(tensorCounts()).toEqual(before)
        }
        return tags
      }).pipe(Effect.provide([data, Sampler.exact, Device.cpu]))
    )
    expect(outcomes).toEqual(["success", "success", "success", "NotConverged", "ShapeMismatch"])
  })

  it("a solve without damping of a singular Fisher is a typed failure, and so is a preconditioner that has no inverse", async () => {
    const free = MatrixFree.make(conditional, params, { blockSize })
    const singular = await runOn(c)(
      Effect.result(MatrixFree.solve(free, g, { damping: 0, tolerance: 1e-9, maxIterations: 60 }))
    )
    expect(Result.isFailure(singular) && singular.failure._tag).toMatch(/NotConverged|NotPositiveDefinite/)
    const refused = await runOn(c)(
      Effect.flatMap(Fisher.estimate(conditional, params, Structure.dense), (fisher) =>
        Effect.result(
          MatrixFree.solve(free, g, {
            damping: 0.1,
            preconditioner: { fisher, damping: Damping.absolute(0) }
          })
        )
      )
    )
    expect(Result.isFailure(refused) && refused.failure._tag).toBe("NotPositiveDefinite")
  })

  it("a gradient of 1e-30 is solved as one of 1, a gradient of 0 in no iteration", async () => {
    const free = MatrixFree.make(conditional, params, { blockSize })
    const scaled = (factor: number) =>
      MatrixFree.solve(free, subject(c).cotangent(Array.from(g.values, (value) => factor * value)), {
        damping: 0.1
      })
    const [one, small, none] = await runOn(c)(Effect.all([scaled(1), scaled(1e-30), scaled(0)]))
    expect(
      relativeError(
        small.solution.values.map((value) => value * 1e30),
        one.solution.values
      )
    ).toBeLessThan(1e-4)
    expect([none.iterations, norm(none.solution.values)]).toEqual([0, 0])
  })

  it("ConjugateGradient on a Fisher's operator is its solve, to 1e-5; control: half the damping", async () => {
    const fisher = await runOn(c)(Fisher.estimate(conditional, params, Structure.kfac))
    const solved = (damping: number) =>
      Effect.runPromise(
        ConjugateGradient.solve(Fisher.operator(fisher), new Float64Array(g.values), {
          damping,
          tolerance: 1e-6,
          maxIterations: 200
        })
      )
    const due = Result.getOrThrow(Fisher.solve(fisher, g, Damping.absolute(0.5))).values
    expect(relativeError((await solved(0.5)).solution, due)).toBeLessThanOrEqual(1e-5)
    expect(relativeError((await solved(0.25)).solution, due)).toBeGreaterThan(1e-3)
  })
})

/** Columns e_1 ... e_C: the output Fisher I. */
const identity = Layer.succeed(Sampler, {
  name: "identity",
  draw: ({ batch: { examples }, size: outputs }) =>
    Effect.sync(() => {
      const columns = new Float32Array(outputs * examples * outputs)
      for (let k = 0; k < outputs; k++) {
        for (let n = 0; n < examples; n++) columns[(k * examples + n) * outputs + k] = 1
      }
      return Draws.Cotangents({ columns: outputs, cotangents: columns })
    })
})

const residualOf = (matrix: Matrix, x: Vector, g: Vector): number => {
  const product = matvec(matrix, x)
  return norm(Float64Array.from(g, (value, i) => value - product[i]!)) / norm(g)
}
