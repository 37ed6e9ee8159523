/** Convolutional networks of the oracle: strides, paddings and dilations that differ from side to side and from 1. */
import { type Case, makeCase } from "../oracle/cases.ts"
import { convolution, imageSize, type OracleConvolution, type OracleImage } from "../oracle/convolution.ts"
import { gaussian, type OracleLikelihood } from "../oracle/likelihoods.ts"
import type { Vector } from "../oracle/linear.ts"
import { type ActivationName, blocks, type OracleLayer, type OracleNetwork } from "../oracle/network.ts"
import { dyadicCase } from "./measure.ts"

export const on = (image: OracleImage, layers: ReadonlyArray<OracleLayer>): OracleNetwork => ({
  features: imageSize(image),
  image,
  layers
})

const activation = (name: ActivationName): OracleLayer => ({ kind: "activation", name })
const dense = (units: number): OracleLayer => ({ kind: "dense", units, bias: true })
const flatten: OracleLayer = { kind: "flatten" }

export const convolutionNets: Readonly<Record<string, OracleNetwork>> = {
  "strides 2 and 1": on({ height: 6, width: 4, channels: 2 }, [
    convolution(3, { kernel: [3, 2], stride: [2, 1] }),
    activation("tanh"),
    flatten,
    dense(2)
  ]),
  "other padding on each end, no bias": on({ height: 3, width: 4, channels: 2 }, [
    convolution(3, {
      kernel: [2, 3],
      padding: [
        [1, 0],
        [2, 1]
      ],
      bias: false
    }),
    activation("sigmoid"),
    flatten,
    dense(4)
  ]),
  "two convolutions, dilation, then stride and padding": on({ height: 7, width: 5, channels: 1 }, [
    convolution(2, { kernel: [3, 2], dilation: [2, 3] }),
    activation("softplus"),
    convolution(4, {
      kernel: [2, 3],
      stride: [1, 2],
      padding: [
        [0, 2],
        [3, 1]
      ],
      dilation: [1, 2]
    }),
    activation("tanh"),
    flatten,
    dense(3)
  ]),
  "padding beyond the kernel, strides over it": on({ height: 4, width: 5, channels: 2 }, [
    convolution(3, { kernel: [2, 1] }),
    activation("tanh"),
    convolution(2, {
      kernel: [1, 2],
      stride: [2, 3],
      padding: [
        [3, 2],
        [1, 4]
      ]
    }),
    activation("gelu"),
    flatten,
    dense(2)
  ]),
  "an image for its outputs": on({ height: 4, width: 3, channels: 2 }, [
    convolution(3, { kernel: [2, 2] }),
    activation("tanh"),
    convolution(2, { kernel: [1, 2], bias: false }),
    activation("softplus"),
    convolution(2, { kernel: [2, 1] })
  ]),
  "a kernel as large as the image": on({ height: 2, width: 3, channels: 4 }, [
    convolution(5, { kernel: [2, 3] }),
    activation("tanh"),
    flatten,
    dense(3)
  ])
}

/** 5 examples, at dyadic parameters. */
export const convolutionCase = (
  net: OracleNetwork,
  likelihood: OracleLikelihood = gaussian(1),
  examples = 5
): Case => dyadicCase(makeCase(likelihood, "tanh", 11, net, examples))

/** The network with each of its convolutions changed. */
export const changed = (
  net: OracleNetwork,
  change: (layer: OracleConvolution) => Partial<OracleConvolution>
): OracleNetwork => ({
  ...net,
  layers: net.layers.map((layer) => (layer.kind === "conv2d" ? { ...layer, ...change(layer) } : layer))
})

/** The parameters with every kernel read column by column of its taps, where it stands row by row. */
export const kernelsTurned = (net: OracleNetwork, theta: Vector): Float64Array => {
  const turned = Float64Array.from(theta)
  for (const { layer, offset } of blocks(net)) {
    const own = net.layers[layer]!
    if (own.kind !== "conv2d") continue
    const [rows, columns] = own.kernel
    const channels = blocks(net).find((block) => block.layer === layer)!.inputs / (rows * columns)
    const size = channels * own.filters
    for (let p = 0; p < rows; p++) {
      for (let q = 0; q < columns; q++) {
        for (let i = 0; i < size; i++) {
          turned[offset + (p * columns + q) * size + i] = theta[offset + (q * rows + p) * size + i]!
        }
      }
    }
  }
  return turned
}

/** A vector with the part of each layer divided by how many positions share it: the mean where the sum is due. */
export const overPositions = (net: OracleNetwork, v: Vector): Float64Array => {
  const means = Float64Array.from(v)
  for (const { offset, positions, size } of blocks(net)) {
    for (let i = offset; i < offset + size; i++) means[i]! /= positions
  }
  return means
}
