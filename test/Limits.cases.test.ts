/** What keeps a Fisher right where memory or rounding end: columns in groups, products that fail, singular matrices. */
import * as tf from "@tensorflow/tfjs"
import { Effect, Layer, Result, Stream } from "effect"
import { describe, expect, it } from "vitest"
import {
  Accumulator,
  Blocks,
  Conditional,
  Cotangent,
  Damping,
  DataSource,
  Device,
  Draws,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Structure
} from "../src/index.ts"
import { reference } from "../src/kernels/reference.ts"
import { registerAs, xnnpackProduct } from "../src/tensor/internal/wasm.ts"
import { relativeError } from "./oracle/linear.ts"
import { meaning } from "./support/fisherLaws.ts"
import { structuresOf } from "./support/structures.ts"

const net = Conditional.make(
  Network.sequential(3, [Network.dense(4), Network.tanh, Network.dense(5)]),
  Likelihood.categorical
)
const x = Array.from({ length: 7 }, (_, n) => [Math.sin(n), Math.cos(n * n), Math.sin(3 * n)])
const layer = Layer.mergeAll(
  DataSource.fromArrays({ x }),
  Sampler.monteCarlo({ draws: 6, seed: 4 }),
  Device.wasm
)

/** The sums of a structure (of rows, their outer products) over one block whose six columns are pulled back in groups of these sizes. */
const inGroups = <Op extends Structure.Operation>(
  structure: Structure.Structure<Op>,
  sizes: ReadonlyArray<number>,
  share = (columns: number) => columns / 6
): Promise<ReadonlyArray<number>> =>
  Effect.gen(function* () {
    const sampler = yield* Sampler
    const loaded = yield* Conditional.load(net, Conditional.init(net, { seed: 3 }))
    const [batch] = yield* Stream.runCollect(Blocks.blocks({ size: 7, pass: 0 }))
    const { backprop, outputs } = yield* Conditional.linearize(loaded, batch!)
    const all = yield* Effect.fromResult(Draws.cotangents(yield* sampler.draw(outputs, 0), outputs))
    const column = batch!.examples * outputs.size
    let total: ReadonlyArray<number> = []
    let from = 0
    for (const columns of sizes) {
      const scores = yield* backprop(
        all.slice(from * column, (from + columns) * column),
        columns,
        share(columns)
      )
      const { sums } = yield* Accumulator.reduce(structure, scores)
      const flat = structure
        .moments(net.network.space)
        .flatMap((moment, i) => Array.from(meaning(moment, sums[i]!)))
      total = flat.map((value, i) => value + (total[i] ?? 0))
      from += columns
    }
    return total
  }).pipe(Effect.scoped, Effect.provide(layer), Effect.runPromise)

describe("columns in groups", () => {
  for (const [name, structure] of Object.entries(structuresOf(2))) {
    it(`give the sums of all columns at once, to 1e-6 [${name}]`, async () => {
      // Of two passes, the second: in bases that are there.
      const { structure: single } = await Effect.runPromise(
        Fisher.estimate(net, Conditional.init(net, { seed: 3 }), structure).pipe(Effect.provide(layer))
      )
      const whole = await inGroups(single, [6])
      expect(relativeError(await inGroups(single, [1, 2, 3]), whole)).toBeLessThan(1e-6)
    })
  }

  it("control: groups that say nothing of their share count K-FAC's input moment once each", async () => {
    const whole = await inGroups(Structure.kfac, [6])
    expect(relativeError(await inGroups(Structure.kfac, [1, 2, 3], () => 1), whole)).toBeGreaterThan(0.1)
  })

  it("an estimate whose columns are past the budget is that of fewer examples at a time, to 1e-5", async () => {
    // 256 examples x (2 x 256 + 2) numbers x 300 columns is over 2^25; by 16 examples it is not.
    const wide = Conditional.make(
      Network.sequential(2, [Network.dense(256), Network.tanh, Network.dense(2)]),
      // Its draws are all different: none of them collapse.
      Likelihood.gaussian({ variance: 2 })
    )
    const data = DataSource.fromArrays({
      x: Array.from({ length: 256 }, (_, n) => [Math.sin(n), Math.cos(n)])
    })
    const estimate = (blockSize: number) =>
      Fisher.estimate(wide, Conditional.init(wide, { seed: 1 }), Structure.kfac, { blockSize }).pipe(
        Effect.map(({ means }) => means.flatMap((mean) => Array.from(mean))),
        Effect.provide([data, Sampler.monteCarlo({ draws: 300, seed: 2 }), Device.wasm]),
        Effect.runPromise
      )
    expect(relativeError(await estimate(256), await estimate(16))).toBeLessThan(1e-5)
  })
})

describe("a product for which wasm has no memory", () => {
  const operands = () => [tf.fill([3, 40], 0.5), tf.fill([40, 2], 2)] as const

  it("is a TensorFailure, not numbers; control: the same product as it should be", async () => {
    const multiply = Device.use((device) =>
      Effect.gen(function* () {
        const out = yield* device.compute("product", (keep) => keep(tf.matMul(...operands())))
        return yield* device.read("product", [out])
      })
    ).pipe(Effect.scoped)
    const [before] = await Effect.runPromise(multiply.pipe(Effect.provide(Device.wasm)))
    expect(Array.from(before!)).toEqual([40, 40, 40, 40, 40, 40])
    const { wasm } = tf.engine().findBackend("wasm") as unknown as {
      readonly wasm: { _malloc: (bytes: number) => number }
    }
    const allocate = wasm._malloc
    const numbers = tf.memory().numDataBuffers
    // What the allocator does where the heap cannot grow. The product, and it alone, takes 24 bytes.
    wasm._malloc = (bytes) => (bytes === 24 ? 0 : allocate(bytes))
    try {
      const failure = await Effect.runPromise(Effect.flip(multiply.pipe(Effect.provide(Device.wasm))))
      expect(failure._tag).toBe("TensorFailure")
      expect(failure.message).toContain("out of memory")
      expect(tf.memory().numDataBuffers).toBe(numbers)
    } finally {
      wasm._malloc = allocate
    }
  })

  it("is refused where XNNPACK wrote nothing; control: the same product as it should be", async () => {
    await Effect.runPromise(Effect.scoped(Device.use(() => Effect.void).pipe(Effect.provide(Device.wasm))))
    registerAs("xnnpack", tf.engine().findBackend("wasm"), xnnpackProduct)
    const found = tf.getBackend()
    await tf.setBackend("xnnpack")
    const multiply = () => tf.tidy(() => Array.from(tf.matMul(...operands()).dataSync()))
    expect(multiply()).toEqual([40, 40, 40, 40, 40, 40])
    // What tfjs does where XNNPACK has no memory: it hands back an output that nothing was written to.
    const shipped = tf.getKernel("BatchMatMul", "wasm")
    tf.unregisterKernel("BatchMatMul", "wasm")
    tf.registerKernel({
      ...shipped,
      kernelFunc: (params) => {
        const out = shipped.kernelFunc(params) as tf.TensorInfo
        const backend = params.backend as { typedArrayFromHeap: (tensor: tf.TensorInfo) => Float32Array }
        backend.typedArrayFromHeap(out).fill(1e-43)
        return out
      }
    })
    try {
      expect(multiply).toThrow("out of memory")
    } finally {
      tf.unregisterKernel("BatchMatMul", "wasm")
      tf.registerKernel(shipped)
      await tf.setBackend(found)
    }
  })
})

describe("a singular Fisher", () => {
  const cases = {
    dense: [Structure.dense, Damping.absolute(0)],
    blockDiagonal: [Structure.blockDiagonal, Damping.absolute(0)],
    kfac: [Structure.kfac, Damping.absolute(0)],
    ekfac: [Structure.ekfac, Damping.absolute(0)],
    gram: [Structure.gram, Damping.absolute(0)],
    mixed: [Structure.mixed([Structure.quasiDiagonal, Structure.ekfac]), Damping.absolute(0)],
    "kfac, factored": [Structure.kfac, Damping.factored(0)]
  } as const
  for (const [name, [structure, damping]] of Object.entries(cases)) {
    it(`is refused without damping for 12 seeds, and solved with it [${name}]`, async () => {
      for (let seed = 0; seed < 12; seed++) {
        const params = Conditional.init(net, { seed })
        const fisher = await Effect.runPromise(
          Fisher.estimate(net, params, structure).pipe(
            Effect.provide([DataSource.fromArrays({ x }), Sampler.exact, Device.wasm])
          )
        )
        // Its own structure's operations: the union of the table's rows has no one type.
        const able = fisher as Fisher.Fisher<"3 > dense(4) > tanh > dense(5)", "solve" | "factoredSolve">
        const g = Cotangent.make(
          net.network.space,
          Float32Array.from(params.values, (v, i) => v + Math.sin(i))
        )
        const refused = Fisher.solve(able, g, damping)
        expect(Result.isFailure(refused) && refused.failure._tag).toBe("NotPositiveDefinite")
        const solved = Fisher.solve(able, g, { ...damping, value: 1e-4 })
        expect(Result.isSuccess(solved)).toBe(true)
      }
    })
  }
})

describe("K-FAC factors of their own condition", () => {
  const one = Conditional.make(
    Network.sequential(2, [Network.dense(2, { bias: false })]),
    Likelihood.categorical
  )
  const { space } = one.network
  const solved = (a: number, g: number) =>
    Result.flatMap(
      Accumulator.finish(
        {
          structure: Structure.kfac,
          space,
          weight: 1,
          sums: [Float64Array.of(1, 0, a), Float64Array.of(1, 0, g)],
          rests: [],
          origin: undefined
        },
        reference
      ),
      (fisher) => Fisher.solve(fisher, Cotangent.make(space, [1, 1, 1, 1]), Damping.absolute(0))
    )

  it("two factors of condition 1e5 and 1e4 solve without damping, to 1e-6, though their product has condition 1e9", () => {
    const { values } = Result.getOrThrow(solved(1e-5, 1e-4))
    expect(relativeError(values, [1, 1e4, 1e5, 1e9])).toBeLessThan(1e-6)
  })

  it("control: a factor whose least eigenvalue is float32's rounding is refused, beside a sound one", () => {
    for (const [a, g] of [
      [1e-8, 1],
      [1, 1e-8]
    ] as const) {
      const refused = solved(a, g)
      expect(Result.isFailure(refused) && refused.failure._tag).toBe("NotPositiveDefinite")
    }
  })
})
