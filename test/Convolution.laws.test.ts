/**
 * Convolutional networks on the devices: outputs, the two linear maps, the score of a layer with T shared positions, and the Fisher
 * in its structures. K = 3 columns, N = 5 examples, and C, T and all sides that differ.
 *
 * Errors are in units of n eps, eps = 2^-24 and n the number of terms in a chain through the layers, with the positions for what
 * sums over them. Parameters, inputs and directions are dyadic, so an error is one of the arithmetic.
 */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { Conditional, Device, Fisher, Init, Likelihood, Network, Structure } from "../src/index.ts"
import { cotangentMoment, inputMoment } from "../src/model/Factors.ts"
import { convolution, convolved } from "./oracle/convolution.ts"
import { enumeratedFisher } from "./oracle/enumeration.ts"
import { denseFisher, kfacDense, kfacFactors } from "./oracle/fisher.ts"
import { bernoulli, categorical, gaussian } from "./oracle/likelihoods.ts"
import { axpy, diagonal, dot, frobenius, norm, relativeError, scale, type Vector } from "./oracle/linear.ts"
import { blocks, jacobian, jvp, outputSize, outputs, size, vjp } from "./oracle/network.ts"
import { generator } from "./oracle/random.ts"
import { blockDiagonal, ekfacDense, ekfacLayers, quasiDiagonal } from "./oracle/structures.ts"
import { built } from "./support/built.ts"
import {
  changed,
  convolutionCase,
  convolutionNets,
  kernelsTurned,
  on,
  overPositions
} from "./support/convolutions.ts"
import { differenceOrder, linearMaps, smoothDirection, terms } from "./support/linearMaps.ts"
import { dyadic, dyadicCase, eps32, matrixError, ratio, vectorError, worst } from "./support/measure.ts"
import { estimate } from "./support/problems.ts"
import { devices, rows, runWith, subject } from "./support/subject.ts"

const columns = 3
const bound = 1e-5

for (const [deviceName, device] of Object.entries(devices)) {
  const run = runWith(device)
  for (const [title, net] of Object.entries(convolutionNets)) {
    describe(`${title}, on ${deviceName}`, () => {
      const c = convolutionCase(net)
      const { X, theta } = c
      const examples = X.length
      const C = outputSize(net)
      const positions = Math.max(...blocks(net).map((block) => block.positions))
      const unit = terms(net) * eps32
      const random = generator(3)
      const vs = Array.from({ length: 4 }, () => dyadic(random.normals(size(net)), 8))
      const w = Float32Array.from(dyadic(random.normals(columns * examples * C), 8))
      const wAt = (k: number, n: number) => w.subarray((k * examples + n) * C, (k * examples + n + 1) * C)
      const outputsOf = (of: typeof net, at: Vector) => X.flatMap((x) => Array.from(outputs(of, at, x)))
      let made: Effect.Success<ReturnType<typeof linearMaps>>
      beforeAll(async () => {
        made = await run(linearMaps(c, vs, w, columns))
      })

      it("outputs are the oracle's, ratio <= 10; control: kernels turned around, the ends of the padding swapped", () => {
        expect(vectorError(made.z, outputsOf(net, theta), unit)).toBeLessThanOrEqual(10)
        const turned = kernelsTurned(net, theta)
        if (norm(axpy(turned, -1, theta)) > 0) {
          expect(vectorError(made.z, outputsOf(net, turned), unit)).toBeGreaterThan(10)
        }
        const swapped = changed(net, ({ padding: [[top, bottom], [left, right]] }) => ({
          padding: [
            [bottom, top],
            [right, left]
          ]
        }))
        if (JSON.stringify(swapped) !== JSON.stringify(net)) {
          expect(vectorError(made.z, outputsOf(swapped, theta), unit)).toBeGreaterThan(10)
        }
      })

      it("J v is the oracle's for 4 tangents, ratio <= 10; control: off by 1e-4", () => {
        const errorOf = (scaled: number) =>
          worst(
            vs.map((v, i) =>
              vectorError(
                made.jvs[i]!.map((t) => t * scaled),
                X.flatMap((x) => Array.from(jvp(net, theta, x, v))),
                unit
              )
            )
          )
        expect(errorOf(1)).toBeLessThanOrEqual(10)
        expect(errorOf(1 + 1e-4)).toBeGreaterThan(10)
      })

      it("the gradient of each column and example is the oracle's, ratio <= 10; control: the mean over positions, columns swapped", () => {
        const errorOf = (due: (k: number, n: number) => Vector) =>
          worst(
            Array.from({ length: columns * examples }, (_, i) => {
              const [k, n] = [Math.floor(i / examples), i % examples]
              return vectorError(made.gradient(k, n), due(k, n), positions * unit)
            })
          )
        expect(errorOf((k, n) => vjp(net, theta, X[n]!, wAt(k, n)))).toBeLessThanOrEqual(10)
        expect(errorOf((k, n) => vjp(net, theta, X[n]!, wAt(columns - 1 - k, n)))).toBeGreaterThan(10)
        if (positions === 1) return
        const mean = (k: number, n: number) => overPositions(net, vjp(net, theta, X[n]!, wAt(k, n)))
        expect(errorOf(mean)).toBeGreaterThan(10)
      })

      it("L7: <J v, w> = <v, J^T w> for 4 tangents, ratio <= 10; control: J v off by 1 %", () => {
        const total = new Float64Array(examples * C)
        for (const [i, entry] of w.entries()) total[i % total.length]! += entry
        const length = Math.hypot(...X.map((x) => frobenius(jacobian(net, theta, x))))
        const gap = (scaled: number) =>
          worst(
            vs.map((v, i) =>
              ratio(
                Math.abs(scaled * dot(made.jvs[i]!, total) - dot(v, made.sum)),
                unit * length * norm(v) * norm(total)
              )
            )
          )
        expect(gap(1)).toBeLessThanOrEqual(10)
        expect(gap(1.01)).toBeGreaterThan(10)
      })

      it("L7: central differences of the outputs meet J v with order 2.0 +- 0.1; control: J v off by 1 % does not", async () => {
        const direction = smoothDirection(c)
        const {
          jvs: [exact]
        } = await run(linearMaps(c, [direction], w, columns))
        const order = await run(differenceOrder(c, direction, exact!))
        expect(Math.abs(order(1) - 2)).toBeLessThanOrEqual(0.1)
        expect(Math.abs(order(1.01) - 2)).toBeGreaterThan(0.1)
      })
    })
  }
}

/** 59 images to a part forwards, 113 back: see conv2d.ts. */
describe("70 images of 20 x 20 x 3, which go in parts", () => {
  const net = on({ height: 20, width: 20, channels: 3 }, [
    convolution(2),
    { kind: "activation", name: "tanh" },
    convolution(3),
    { kind: "activation", name: "tanh" },
    { kind: "flatten" },
    { kind: "dense", units: 2, bias: true }
  ])
  const few = dyadicCase({
    net,
    likelihood: gaussian(1),
    theta: generator(1)
      .normals(size(net))
      .map((value) => 0.1 * value),
    X: generator(2).normalMatrix(5, 20 * 20 * 3),
    Y: Array.from({ length: 5 }, () => [0, 0])
  })
  const times = 14
  const repeated = <A>(values: ReadonlyArray<A>) => Array.from({ length: times }, () => values).flat()
  const w = dyadic(generator(3).normals(columns * 5 * 2), 8)
  const wRepeated = Float32Array.from(
    Array.from({ length: columns }, (_, k) => repeated(Array.from(w.subarray(k * 10, (k + 1) * 10)))).flat()
  )
  it("have the outputs, J v and J^T w of 5 of them 14 times over, ratio <= 10 and J^T w to 1e-5; control: turned around, 13 times", async () => {
    const { X, theta } = few
    const v = dyadic(generator(4).normals(size(net)), 8)
    const unit = terms(net) * eps32
    const all = { ...few, X: repeated(X), Y: repeated(few.Y) }
    const made = await runWith(Device.wasm)(linearMaps(all, [v], wRepeated, columns))
    const z = repeated(X.map((x) => Array.from(outputs(net, theta, x)))).flat()
    expect(vectorError(made.z, z, unit)).toBeLessThanOrEqual(10)
    expect(vectorError(made.z, z.toReversed(), unit)).toBeGreaterThan(10)
    const predicted = await runWith(Device.wasm)(
      Conditional.predict(subject(all).conditional, subject(all).params, subject(all).x)
    )
    expect(vectorError(predicted, z, unit)).toBeLessThanOrEqual(10)
    const jv = repeated(X.map((x) => Array.from(jvp(net, theta, x, v)))).flat()
    expect(vectorError(made.jvs[0]!, jv, unit)).toBeLessThanOrEqual(10)
    let sum: Float64Array = new Float64Array(size(net))
    for (const [i, x] of [...X, ...X, ...X].entries()) {
      sum = axpy(sum, 1, vjp(net, theta, x, w.subarray(2 * i, 2 * i + 2)))
    }
    const due = sum.map((value) => times * value)
    expect(relativeError(made.sum, due)).toBeLessThanOrEqual(bound)
    expect(
      relativeError(
        made.sum.map((value) => (13 / 14) * value),
        due
      )
    ).toBeGreaterThan(bound)
  })
})

describe("the moments of 5,000 positions", () => {
  const [T, examples, inputs, units] = [1000, 5, 2, 3]
  const a = Float32Array.from(dyadic(generator(5).normals(T * examples * inputs), 8))
  const g = Float32Array.from(dyadic(generator(6).normals(T * examples * units), 8))
  const block = {
    layer: "0 shared",
    offset: 0,
    rows: inputs,
    columns: units,
    bias: false,
    form: "outer"
  } as const
  /** The lower triangle, row by row. */
  const moment = (values: Float32Array, width: number, from: number, times: number) => {
    const pairs = Array.from({ length: width }, (_, i) =>
      Array.from({ length: i + 1 }, (__, j) => [i, j] as const)
    ).flat()
    const total = new Float64Array(pairs.length)
    for (let row = from; row < T * examples; row++) {
      for (const [at, [i, j]] of pairs.entries()) {
        total[at]! += times * values[row * width + i]! * values[row * width + j]!
      }
    }
    return total
  }
  it("are those of all of them, ratio <= 10; control: without the first 904, which are one part less", async () => {
    const [A, G] = await runWith(Device.wasm)(
      Effect.scoped(
        Device.use((device) =>
          Effect.flatMap(
            device.compute("moments", (keep) => {
              const score = {
                _tag: "Outer",
                block,
                positions: T,
                input: tf.tensor2d(a, [T * examples, inputs]),
                cotangent: tf.tensor3d(g, [1, T * examples, units])
              } as const
              return [keep(inputMoment(score)), keep(cotangentMoment(score))]
            }),
            (tensors) => device.read("moments", tensors)
          )
        )
      )
    )
    const unit = T * examples * eps32
    expect(vectorError(A!, moment(a, inputs, 0, 1 / T), unit)).toBeLessThanOrEqual(10)
    expect(vectorError(A!, moment(a, inputs, 904, 1 / T), unit)).toBeGreaterThan(10)
    expect(vectorError(G!, moment(g, units, 0, 1), unit)).toBeLessThanOrEqual(10)
    expect(vectorError(G!, moment(g, units, 904, 1), unit)).toBeGreaterThan(10)
  })
})

describe("padding", () => {
  const image = { height: 7, width: 6, channels: 3 }
  const x = Float32Array.from(dyadic(generator(1).normals(2 * 7 * 6 * 3), 8))
  const kernelOf = ([kh, kw]: readonly [number, number]) =>
    Float32Array.from(dyadic(generator(2).normals(kh * kw * 3 * 2), 8))
  for (const { dilation, kernel, padding, stride } of [
    { kernel: [3, 2], stride: [1, 1], dilation: [1, 1], padding: "same" },
    { kernel: [4, 3], stride: [2, 3], dilation: [1, 1], padding: "same" },
    { kernel: [2, 3], stride: [1, 1], dilation: [3, 2], padding: "same" },
    { kernel: [1, 1], stride: [3, 2], dilation: [1, 1], padding: "same" },
    { kernel: [4, 3], stride: [2, 3], dilation: [1, 1], padding: "valid" }
  ] as const) {
    it(`"${padding}" is tfjs's for a kernel of ${kernel}, strides ${stride}, dilations ${dilation}, ratio <= 10; control: kernel transposed`, async () => {
      const layer = built(
        Network.conv2d({ filters: 2, kernel, stride, dilation, padding, bias: false }),
        image
      )
      const weights = (at: Float32Array) => ({ kernel: tf.tensor2d(at, [kernel[0] * kernel[1] * 3, 2]) })
      const values = kernelOf(kernel)
      const [ours, theirs, wrong] = await runWith(Device.cpu)(
        Effect.scoped(
          Device.use((device) =>
            Effect.flatMap(
              device.compute("convolution", (keep) => {
                const images = tf.tensor4d(x, [2, 7, 6, 3])
                const hwio = tf.tensor4d(values, [kernel[0], kernel[1], 3, 2])
                return [
                  keep(layer.forward!(weights(values), tf.tensor2d(x, [2, 7 * 6 * 3]))),
                  keep(tf.conv2d(images, hwio, [...stride], padding, "NHWC", [...dilation])),
                  keep(layer.forward!(weights(values.toReversed()), tf.tensor2d(x, [2, 7 * 6 * 3])))
                ]
              }),
              (tensors) => device.read("convolution", tensors)
            )
          )
        )
      )
      const unit = kernel[0] * kernel[1] * 3 * eps32
      expect(vectorError(ours!, theirs!, unit)).toBeLessThanOrEqual(10)
      expect(vectorError(wrong!, theirs!, unit)).toBeGreaterThan(10)
    })
  }

  it("the output's size is the oracle's for kernels 1 to 4, strides 1 to 3, paddings 0 to 2, dilations 1 and 2; control: \"same\"", () => {
    let differ = 0
    for (const kernel of [1, 2, 3, 4] as const) {
      for (const stride of [1, 2, 3] as const) {
        for (const pad of [0, 1, 2] as const) {
          for (const dilation of [1, 2] as const) {
            const options = { kernel: [kernel, 1], stride: [1, stride], dilation: [dilation, 1] } as const
            const padding = [
              [pad, 0],
              [1, pad]
            ] as const
            const due = convolved(convolution(2, { ...options, padding }), image)
            if (due.height < 1) continue
            expect(built(Network.conv2d({ filters: 2, ...options, padding }), image).output).toEqual(due)
            const same = built(Network.conv2d({ filters: 2, ...options, padding: "same" }), image).output
            if (JSON.stringify(same) !== JSON.stringify(due)) differ++
          }
        }
      }
    }
    expect(differ).toBeGreaterThan(0)
  })
})

describe("first parameters", () => {
  it("have variance 1/in, 2/in, 2/(in + out) with in and out counted over the taps, and biases of 0; control: out without them", () => {
    const of = Conditional.make(
      Network.sequential({ height: 4, width: 5, channels: 3 }, [
        Network.conv2d({ filters: 7, kernel: [2, 3] })
      ]),
      Likelihood.bernoulli
    )
    const values = (init: Init.Init) => Conditional.init(of, { seed: 1, init }).values
    const lecun = values(Init.lecun)
    expect(Array.from(lecun.subarray(2 * 3 * 3 * 7))).toEqual(new Array(7).fill(0))
    const times = (init: Init.Init) => norm(values(init)) / norm(lecun)
    expect(Math.abs(times(Init.he) - Math.sqrt(2))).toBeLessThan(1e-6)
    const glorot = (out: number) => Math.abs(times(Init.glorot) - Math.sqrt((2 * 18) / (18 + out)))
    expect(glorot(2 * 3 * 7)).toBeLessThan(1e-6)
    expect(glorot(7)).toBeGreaterThan(1e-6)
  })
})

const likelihoods = [categorical, bernoulli, gaussian(0.49)]

describe("the Fisher of a convolutional network", () => {
  const entries = Object.entries(convolutionNets)
  for (const [i, [title, net]] of entries.entries()) {
    const likelihood = likelihoods[i % likelihoods.length]!
    const c = convolutionCase(net, likelihood)
    const shared = blocks(net).some(({ positions }) => positions > 1)
    describe(`${title}, ${likelihood.name}`, () => {
      const due = denseFisher(net, likelihood, c.theta, c.X)
      const denseOf = async () => rows(Fisher.toDense(await estimate(c, Structure.dense)))

      it("dense is the oracle's by enumeration to 1e-5; control: the mean over positions", async () => {
        const F = await denseOf()
        const enumerated = enumeratedFisher(net, likelihood, c.theta, c.X)
        expect(relativeError(F, enumerated)).toBeLessThanOrEqual(bound)
        const ones = overPositions(net, new Float64Array(size(net)).fill(1))
        const mean = enumerated.map((row, a) => row.map((entry, b) => entry * ones[a]! * ones[b]!))
        if (shared) expect(relativeError(F, mean)).toBeGreaterThan(bound)
      })

      it("diagonal and layer blocks are those of dense, ratio <= 50; control: of K-FAC", async () => {
        const F = await denseOf()
        const unit = size(net) * eps32
        const kfac = rows(Fisher.toDense(await estimate(c, Structure.kfac)))
        const diagonals = Fisher.diagonal(await estimate(c, Structure.diagonal))
        expect(vectorError(diagonals, diagonal(F), unit)).toBeLessThanOrEqual(50)
        expect(vectorError(diagonals, diagonal(kfac), unit)).toBeGreaterThan(50)
        const layers = rows(Fisher.toDense(await estimate(c, Structure.blockDiagonal)))
        expect(matrixError(layers, blockDiagonal(net, F), unit)).toBeLessThanOrEqual(50)
        expect(matrixError(layers, kfac, unit)).toBeGreaterThan(50)
      })

      it("K-FAC is the oracle's expand form to 1e-5; control: A summed over positions, G averaged, or both summed over N T", async () => {
        const fisher = await estimate(c, Structure.kfac)
        const factors = kfacFactors(net, likelihood, c.theta, c.X)
        const error = (of: typeof factors) => relativeError(rows(Fisher.toDense(fisher)), kfacDense(of))
        expect(error(factors)).toBeLessThanOrEqual(bound)
        for (const [l, { A, G, block }] of factors.entries()) {
          expect(relativeError(rows(Structure.unpacked(fisher.means[2 * l]!)), A)).toBeLessThanOrEqual(bound)
          expect(relativeError(rows(Structure.unpacked(fisher.means[2 * l + 1]!)), G)).toBeLessThanOrEqual(
            bound
          )
          if (block.positions === 1) continue
          const T = block.positions
          expect(relativeError(rows(Structure.unpacked(fisher.means[2 * l]!)), scale(T, A))).toBeGreaterThan(
            bound
          )
          expect(
            relativeError(rows(Structure.unpacked(fisher.means[2 * l + 1]!)), scale(1 / T, G))
          ).toBeGreaterThan(bound)
        }
        if (!shared) return
        expect(error(factors.map((f) => ({ ...f, A: scale(f.block.positions, f.A) })))).toBeGreaterThan(bound)
        expect(relativeError(rows(Fisher.toDense(fisher)), due)).toBeGreaterThan(bound)
      })

      it("EKFAC, the quasi-diagonal and the Gram form are the oracle's to 1e-5; control: the other structures", async () => {
        const made = {
          ekfac: rows(Fisher.toDense(await estimate(c, Structure.ekfac))),
          quasiDiagonal: rows(Fisher.toDense(await estimate(c, Structure.quasiDiagonal))),
          gram: rows(Fisher.toDense(await estimate(c, Structure.gram)))
        }
        const oracle = {
          ekfac: ekfacDense(ekfacLayers(net, likelihood, c.theta, c.X)),
          quasiDiagonal: quasiDiagonal(net, due),
          gram: due
        }
        for (const name of ["ekfac", "quasiDiagonal", "gram"] as const) {
          expect(relativeError(made[name], oracle[name])).toBeLessThanOrEqual(bound)
          for (const other of ["ekfac", "quasiDiagonal", "gram"] as const) {
            if (other !== name) expect(relativeError(made[other], oracle[name])).toBeGreaterThan(bound)
          }
        }
      })
    })
  }
})

/** Eschenhagen et al. 2023, section 3.2: expand is exact where each position has a loss of its own and the network is linear. */
describe("L6: K-FAC of 1 x 1 convolutions without activations, with a Gaussian at each position", () => {
  const deep = (kernel: readonly [number, number], activation: "identity" | "tanh") =>
    on({ height: 3, width: 2, channels: 3 }, [
      convolution(4, { kernel: [1, 1] }),
      { kind: "activation", name: activation },
      convolution(2, { kernel, bias: false }),
      convolution(3, { kernel: [1, 1] })
    ])
  const errorOf = async (net: ReturnType<typeof deep>) => {
    const c = convolutionCase(net, gaussian(3))
    const kfac = rows(Fisher.toDense(await estimate(c, Structure.kfac)))
    const dense = rows(Fisher.toDense(await estimate(c, Structure.dense)))
    return matrixError(kfac, blockDiagonal(net, dense), size(net) * eps32)
  }
  it("is exact within layers at N = 5 and T = 6, ratio <= 50; control: with a tanh, or a kernel of 2 x 1", async () => {
    expect(await errorOf(deep([1, 1], "identity"))).toBeLessThanOrEqual(50)
    expect(await errorOf(deep([1, 1], "tanh"))).toBeGreaterThan(50)
    expect(await errorOf(deep([2, 1], "identity"))).toBeGreaterThan(50)
  })
})
