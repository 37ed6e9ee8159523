/** Bad input: functions that are none, that tfjs cannot differentiate, or that give something else than z. */
import * as tf from "@tensorflow/tfjs"
import { Effect, Stream } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  Conditional,
  Damping,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  MatrixFree,
  Params,
  Structure,
  Tangent,
  Training
} from "../src/index.ts"
import { fails, throws } from "./support/refusals.ts"
import { given, wrong } from "./support/small.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"

type Parameters = { readonly w: tf.Tensor2D; readonly b: tf.Tensor1D }
type F = (parameters: Parameters, x: tf.Tensor2D) => tf.Tensor

const affine: F = ({ b, w }, x) => tf.add(tf.matMul(x, w), b)
const options = {
  name: "mine",
  parameters: { w: [2, 3], b: [3] },
  features: 2,
  outputs: 3,
  f: affine
} as const
const likelihood = Likelihood.gaussian({ variance: 1 })
const made = (changed: object) => () =>
  Conditional.fromFunction(wrong({ ...options, ...changed }), likelihood)
const of = (f: unknown) => Conditional.fromFunction({ ...options, f: f as F }, likelihood)
const good = of(affine)
const values = [1, 2, 3, -4, 5, -6, 0.5, 0.25, 0]
const x = [
  [1, 2],
  [4, -5],
  [-1, 0.5],
  [0, 1]
]
const y = x.map(([a, b]) => [a!, b!, 1])
const source = DataSource.fromArrays({ x, y, batchSize: 3 })
const at = (conditional: typeof good) => Params.make(conditional.network.space, values)
const devices = { cpu: Device.cpu, wasm: Device.wasm }

/** Examples one by one, and one block of all of them 10 times, which takes J by parameters. */
const forty = DataSource.fromArrays({
  x: Array.from({ length: 10 }, () => x).flat(),
  y: Array.from({ length: 10 }, () => y).flat()
})
const sources = { "N = 4": source, "N = 40": forty }

let outer: tf.Tensor2D

beforeAll(async () => {
  await checkEveryKernel()
  outer = tf.ones([1, 3])
})
afterAll(() => outer.dispose())

describe("options", () => {
  throws([
    ["no name", made({ name: "" }), "InvalidArgument", "name"],
    ["no parameters", made({ parameters: {} }), "InvalidArgument", "parameters"],
    ["a parameter of size 0", made({ parameters: { w: [2, 0] } }), "InvalidArgument", "parameters.w"],
    ["a parameter of size 1.5", made({ parameters: { w: [1.5] } }), "InvalidArgument", "parameters.w"],
    ["a number for a shape", made({ parameters: { w: 3 } }), "InvalidArgument", "parameters.w"],
    ["7 dimensions", made({ parameters: { w: [1, 1, 1, 1, 1, 1, 2] } }), "InvalidArgument", "at most 6"],
    [
      "2^31 parameters",
      made({ parameters: { w: [2 ** 16, 2 ** 15] } }),
      "InvalidArgument",
      "2147483648",
      "mine"
    ],
    ["-1 features", made({ features: -1 }), "InvalidArgument", "features", "-1"],
    ["0 outputs", made({ outputs: 0 }), "InvalidArgument", "outputs", "0"],
    ["no function", made({ f: undefined }), "InvalidArgument", "f", "undefined"],
    ["a tensor for a function", made({ f: "tf.matMul" }), "InvalidArgument", "f is", "matMul"],
    ["an option that is none", made({ shapes: {} }), "InvalidArgument", "shapes"],
    ["first values of no parameter", made({ initial: { c: [1] } }), "InvalidArgument", '"c"', "w, b"],
    ["too few first values", made({ initial: { b: [1, 2] } }), "ShapeMismatch", "initial b", "3 numbers"],
    [
      "nested first values",
      made({
        initial: {
          w: [
            [1, 2, 3],
            [4, 5, 6]
          ]
        }
      }),
      "ShapeMismatch",
      "initial w",
      "6 numbers"
    ],
    [
      "NaN for a first value",
      made({ initial: { b: [1, Number.NaN, 2] } }),
      "NonFinite",
      "initial b",
      "index 1"
    ],
    ["a first value over float32", made({ initial: { b: [1, 2, 1e39] } }), "NonFinite", "index 2"],
    ["no options", () => Conditional.fromFunction(wrong(undefined), likelihood), "InvalidArgument"],
    [
      "a likelihood of 1 output",
      () => Conditional.fromFunction({ ...options }, Likelihood.heteroscedasticGaussian),
      "ShapeMismatch"
    ]
  ])
})

/** What walks over the data with it: outputs alone, one column, all columns, and a product from the right. */
const walks = (conditional: typeof good) => {
  const params = at(conditional)
  return {
    loss: Conditional.negativeLogLikelihood(conditional, params),
    gradient: Conditional.gradient(conditional, params),
    fisher: Fisher.estimate(conditional, params, Structure.diagonal),
    product: MatrixFree.apply(
      MatrixFree.make(conditional, params),
      Tangent.make(conditional.network.space, values)
    ),
    training: Training.run(conditional, params, {
      learningRate: 1,
      damping: Damping.absolute(1),
      structure: Structure.dense
    }).pipe(Stream.take(1), Stream.runDrain)
  }
}
type Walk = keyof ReturnType<typeof walks>
const everywhere: ReadonlyArray<Walk> = ["loss", "gradient", "fisher", "product", "training"]
/** Those that differentiate. */
const derivatives: ReadonlyArray<Walk> = ["gradient", "fisher", "product", "training"]

const boom = (): never => {
  throw new Error("boom")
}
const disposed: F = (p, x) => {
  const z = affine(p, x)
  z.dispose()
  return z
}
let calls = 0
/** `f`, and what each walk with it must fail with. */
const functions: ReadonlyArray<
  readonly [
    title: string,
    f: unknown,
    on: ReadonlyArray<Walk>,
    tag: "ShapeMismatch" | "TensorFailure" | "NonFinite" | "InvalidArgument",
    ...says: ReadonlyArray<string>
  ]
> = [
  ["throws", boom, everywhere, "TensorFailure", "mine", "boom"],
  [
    "throws behind an operation",
    (p: Parameters, x: tf.Tensor2D) => boom() || tf.tanh(affine(p, x)),
    everywhere,
    "TensorFailure",
    "boom"
  ],
  [
    "throws while it is differentiated",
    (p: Parameters, x: tf.Tensor2D) => (tf.add(p.b, 1), calls++ % 2 === 1 ? boom() : affine(p, x)),
    ["gradient", "fisher"],
    "TensorFailure",
    "boom"
  ],
  ["gives nothing", () => undefined, everywhere, "ShapeMismatch", "undefined"],
  ["gives numbers", () => [[1, 2, 3]], everywhere, "ShapeMismatch", "[[1,2,3]]"],
  [
    "gives a promise",
    async (p: Parameters, x: tf.Tensor2D) => affine(p, x),
    everywhere,
    "ShapeMismatch",
    "a promise"
  ],
  ["gives a promise that fails", async () => boom(), everywhere, "ShapeMismatch", "a promise"],
  [
    "gives a vector",
    (p: Parameters, x: tf.Tensor2D) => tf.sum(affine(p, x), 1),
    everywhere,
    "ShapeMismatch",
    "float32",
    ", 3]"
  ],
  [
    "gives a number",
    (p: Parameters, x: tf.Tensor2D) => tf.sum(affine(p, x)),
    everywhere,
    "ShapeMismatch",
    "a tensor []"
  ],
  [
    "gives z on its side",
    (p: Parameters, x: tf.Tensor2D) => tf.transpose(affine(p, x)),
    everywhere,
    "ShapeMismatch",
    "a tensor [3, "
  ],
  [
    "gives 2 outputs",
    (p: Parameters, x: tf.Tensor2D) => tf.slice(affine(p, x), [0, 0], [-1, 2]),
    everywhere,
    "ShapeMismatch",
    ", 2] of float32"
  ],
  [
    "gives whole numbers",
    (p: Parameters, x: tf.Tensor2D) => tf.cast(affine(p, x), "int32"),
    everywhere,
    "ShapeMismatch",
    "int32"
  ],
  [
    "gives one row for all",
    (p: Parameters) => tf.reshape(p.b, [1, 3]),
    everywhere,
    "ShapeMismatch",
    "a tensor [1, 3]"
  ],
  ["gives a disposed tensor", disposed, everywhere, "ShapeMismatch", "disposed tensor"],
  [
    "gives NaN",
    (p: Parameters, x: tf.Tensor2D) => tf.log(tf.sub(affine(p, x), 1e3)),
    everywhere,
    "NonFinite",
    "outputs"
  ],
  [
    "has an infinite gradient",
    (p: Parameters, x: tf.Tensor2D) => tf.add(tf.matMul(x, p.w), tf.sqrt(p.b)),
    derivatives,
    "NonFinite"
  ],
  [
    "mixes examples",
    (p: Parameters, x: tf.Tensor2D) => tf.sub(affine(p, x), tf.mean(affine(p, x), 0)),
    derivatives,
    "InvalidArgument",
    "mine",
    "x alone"
  ],
  [
    "gives every example a part of the first",
    (p: Parameters, x: tf.Tensor2D) => affine(p, tf.sub(x, tf.slice(x, [0, 0], [1, 2]))),
    derivatives,
    "InvalidArgument",
    "mine",
    "the last example"
  ],
  [
    "has no gradient",
    (p: Parameters, x: tf.Tensor2D) => tf.where(tf.greater(affine(p, x), 0), affine(p, x), 0),
    derivatives,
    "TensorFailure",
    "mine",
    "Greater"
  ]
]

for (const [name, device] of Object.entries(devices)) {
  for (const [size, own] of Object.entries(sources)) {
    describe(`a function on ${name}, ${size}, that`, () => {
      fails(
        functions.flatMap(([title, f, on, tag, ...says]) =>
          on.map(
            (walk) =>
              [
                `${title}: ${walk}`,
                () => given({ device, source: own })(walks(of(f))[walk] as Effect.Effect<unknown>),
                tag,
                ...says
              ] as const
          )
        )
      )
    })
  }
}

describe("structures of layer factors", () => {
  const params = at(good)
  const on = (structure: unknown) => structure as typeof Structure.dense
  const trained = (structure: unknown) =>
    Training.run(good, params, {
      learningRate: 1,
      damping: Damping.absolute(1),
      structure: on(structure)
    }).pipe(Stream.take(1), Stream.runDrain)
  const structures = {
    kfac: Structure.kfac,
    kfacReduce: Structure.kfacReduce,
    ekfac: Structure.ekfac,
    ekfacReduce: Structure.ekfacReduce,
    "mixed with kfac": Structure.mixed([Structure.dense, Structure.kfac])
  }
  fails(
    Object.entries(structures).flatMap(
      ([name, structure]) =>
        [
          [
            `estimate: ${name}`,
            () => given({ source })(Fisher.estimate(good, params, on(structure))),
            "InvalidArgument",
            "factors"
          ],
          [
            `estimateWithErrors: ${name}`,
            () => given({ source: forty })(Fisher.estimateWithErrors(good, params, on(structure))),
            "InvalidArgument",
            "factors"
          ]
        ] as const
    )
  )
  fails([
    ["Training.run: kfac", () => given({ source })(trained(Structure.kfac)), "InvalidArgument", "factors"],
    [
      "accumulate: kfac",
      () => given({ source })(Fisher.accumulate(good, params, on(Structure.kfac))),
      "InvalidArgument",
      "factors"
    ]
  ])
})

const run = <A>(program: Effect.Effect<A, unknown, never>) => Effect.runPromise(program)

describe("what is no error", () => {
  it("a parameter that z does not depend on: its gradient is 0, and the others' are not; control: the function that uses it", async () => {
    for (const own of Object.values(sources)) {
      const halves = async (conditional: typeof good) => {
        const { gradient, fisher } = walks(conditional)
        const [g, f] = await run(given({ source: own })(Effect.all([gradient, fisher])))
        const both = [g!.values, Fisher.diagonal(f!)] as const
        const zeros = (v: Float32Array) => v.every((e) => e === 0)
        return both.map((v) => [zeros(v.subarray(0, 6)), zeros(v.subarray(6))])
      }
      const without = of(({ w }: Parameters, x: tf.Tensor2D) => tf.matMul(x, w))
      expect(await halves(without)).toEqual([
        [false, true],
        [false, true]
      ])
      expect(await halves(good)).toEqual([
        [false, false],
        [false, false]
      ])
    }
  })

  it("a z that depends on no parameter: every gradient is 0", async () => {
    const constant = of((_: Parameters, x: tf.Tensor2D) => tf.concat([x, x], 1).slice([0, 0], [-1, 3]))
    for (const own of Object.values(sources)) {
      const [g, f, p] = await run(
        given({ source: own })(
          Effect.all([walks(constant).gradient, walks(constant).fisher, walks(constant).product])
        )
      )
      for (const numbers of [g!.values, Fisher.diagonal(f!), p!.values]) {
        expect(Array.from(numbers)).toEqual(new Array(9).fill(0))
      }
    }
  })

  it("a z that is x, a parameter or a tensor from elsewhere: none of them is freed, 0 tensors left", async () => {
    const before = tensorCounts()
    const functions: ReadonlyArray<(parameters: { readonly row: tf.Tensor2D }, x: tf.Tensor2D) => tf.Tensor> =
      [(_, x) => x, ({ row }) => row, () => outer]
    for (const f of functions) {
      const conditional = Conditional.fromFunction(
        { name: "same", parameters: { row: [1, 3] }, features: 3, outputs: 3, f },
        likelihood
      )
      const params = Conditional.init(conditional, { seed: 0 })
      const source = DataSource.fromArrays({ x: [[1, 2, 3]], y: [[1, 1, 1]] })
      const both = Effect.all([
        Conditional.negativeLogLikelihood(conditional, params),
        Fisher.estimate(conditional, params, Structure.dense)
      ])
      await run(given({ source })(Effect.andThen(both, both)))
    }
    expect(outer.isDisposed).toBe(false)
    expect(tensorCounts()).toEqual(before)
  })

  it("a density, with an x of no features: the gradient of its mean is mean - y over the variance, to 1e-6; control: its minus", async () => {
    const density = Conditional.fromFunction(
      {
        name: "density",
        parameters: { mean: [2] },
        features: 0,
        outputs: 2,
        f: ({ mean }, x) => tf.tile(tf.reshape(mean, [1, 2]), [x.shape[0], 1])
      },
      Likelihood.gaussian({ variance: 0.5 })
    )
    const params = Params.make(density.network.space, [1, 2])
    for (const examples of [3, 9]) {
      const source = DataSource.density({
        y: { data: new Float32Array(2 * examples).fill(0.5), shape: [examples, 2] }
      })
      const gradient = await run(given({ source })(Conditional.gradient(density, params)))
      const away = (sign: number) => Math.hypot(gradient.values[0]! - sign, gradient.values[1]! - 3 * sign)
      expect(away(1)).toBeLessThan(1e-6)
      expect(away(-1)).toBeGreaterThan(1)
    }
  })

  it("a frozen parameter: the Fisher is that block of the whole one, bit for bit; control: the other block", async () => {
    const { conditional, params } = Conditional.freeze(good, at(good), { blocks: [0] })
    const whole = await run(given({ source })(Fisher.estimate(good, at(good), Structure.diagonal)))
    const part = await run(given({ source })(Fisher.estimate(conditional, params, Structure.diagonal)))
    expect(Array.from(Fisher.diagonal(part))).toEqual(Array.from(Fisher.diagonal(whole).subarray(6)))
    expect(Array.from(Fisher.diagonal(part))).not.toEqual(Array.from(Fisher.diagonal(whole).subarray(0, 3)))
  })

  it("rows by tf.gather have their Fisher on wasm as on cpu; by tf.einsum, which wasm lacks, it fails with TensorFailure that names the kernel", async () => {
    const table = { ...options, features: 1, parameters: { e: [5, 3] } } as const
    type F = (parameters: { readonly e: tf.Tensor }, x: tf.Tensor) => tf.Tensor2D
    const of = (f: F, device: (typeof devices)["cpu" | "wasm"]) => {
      const lookup = Conditional.fromFunction({ ...table, f }, likelihood)
      return given({ source: DataSource.fromArrays({ x: [[0], [3], [3], [1]] }), device })(
        Fisher.estimate(lookup, Conditional.init(lookup, { seed: 0 }), Structure.diagonal)
      )
    }
    const gathered: F = ({ e }, x) => tf.gather(e, x.toInt().reshape([-1])) as tf.Tensor2D
    const shares = [1 / 4, 1 / 4, 0, 1 / 2, 0].flatMap((share) => [share, share, share])
    for (const device of [Device.cpu, Device.wasm]) {
      expect(Array.from(Fisher.diagonal(await run(of(gathered, device))))).toEqual(shares)
    }
    const summed: F = ({ e }, x) =>
      tf.einsum("ni,ij->nj", tf.oneHot(x.toInt().reshape([-1]), 5).toFloat(), e) as tf.Tensor2D
    const error = await run(Effect.flip(of(summed, Device.wasm)))
    expect(error).toMatchObject({ _tag: "TensorFailure" })
    expect((error as Error).message).toContain("Einsum")
  })

  it("first values: those given, and else normal numbers of the seed; control: another seed", () => {
    const own = Conditional.fromFunction({ ...options, initial: { b: [1, 2, 3] } }, likelihood)
    const first = (seed: number) => Array.from(Conditional.init(own, { seed }).values)
    expect(first(0).slice(6)).toEqual([1, 2, 3])
    expect(
      first(0)
        .slice(0, 6)
        .every((value) => value !== 0)
    ).toBe(true)
    expect(first(0)).toEqual(first(0))
    expect(first(0).slice(0, 6)).not.toEqual(first(1).slice(0, 6))
    const whole = Conditional.fromFunction({ ...options, initial: { b: Int32Array.of(1, 2, 3) } }, likelihood)
    expect(Array.from(Conditional.init(whole, { seed: 0 }).values)).toEqual(first(0))
  })
})
