/** Keras's layers in terms of ours: one function for each class of layer. */
import type { Node } from "../Graph.ts"
import type { Layer } from "../Layer.ts"
import * as Layers from "../layers/registry.ts"
import { formOf, type Image, type Shape, shapeName } from "../Shape.ts"
import { activationNamed } from "./activations.ts"
import { type Config, type KerasLayer, unsupported } from "./keras.ts"
import { type Shown, showing } from "./pixels.ts"
import { type BlockParts, inOrder } from "./weights.ts"

/** A layer in its place. */
export interface Given {
  readonly layer: KerasLayer
  readonly config: Config
  readonly inputs: ReadonlyArray<Node>
  readonly output: Shape
  /** Its weights, in its own order. */
  readonly weights: ReadonlyArray<Float32Array>
}

/** What it is to us: layers one after the other, or a merge of its inputs, and how its weights lie in their blocks. */
export interface Converted {
  readonly layers: ReadonlyArray<Layer<string>>
  readonly merge?: "add" | "multiply" | "concatenate"
  readonly blocks: ReadonlyArray<BlockParts>
}

type Converter = (given: Given) => Converted

/** A layer without parameters. */
const plain = (...layers: ReadonlyArray<Layer<string>>): Converted => ({ layers, blocks: [] })

/** A layer of one block, with the weights in Keras's order: a kernel, and a bias if it has one. */
const affine = (layer: Layer<string>, { useBias }: Config): Converted => ({
  layers: [layer],
  blocks: [useBias === true ? inOrder(0, 1) : inOrder(0)]
})

type Two = readonly [number, number]

const channelsLast = ({ config, layer }: Given): void => {
  if (config["dataFormat"] === "channelsFirst") {
    throw unsupported(layer, "with its channels first, and channels are last here")
  }
}

const first = (value: unknown): number => (Array.isArray(value) ? value[0] : value) as number

/** What a convolution of images says of its kernel; those of sequences have one number for each. */
const sides = (config: Config) => ({
  kernel: config["kernelSize"] as Two,
  stride: config["strides"] as Two,
  padding: config["padding"] as "valid" | "same",
  bias: config["useBias"] as boolean
})

const dilated = ({ dilationRate }: Config): Two =>
  typeof dilationRate === "number" ? [dilationRate, dilationRate] : (dilationRate as Two)

const dense: Converter = ({ config, inputs }) => {
  const [units, bias] = [config["units"] as number, config["useBias"] as boolean]
  const onImage = formOf(inputs[0]!.shape) === "image"
  return affine(
    onImage ? Layers.conv2d({ filters: units, kernel: 1, bias }) : Layers.dense(units, { bias }),
    config
  )
}

const conv2d: Converter = (given) => {
  channelsLast(given)
  const { config } = given
  const options = { ...sides(config), dilation: dilated(config) }
  return affine(Layers.conv2d({ ...options, filters: config["filters"] as number }), config)
}

const conv1d: Converter = (given) => {
  channelsLast(given)
  const { config } = given
  return affine(
    Layers.conv1d({
      filters: config["filters"] as number,
      kernel: first(config["kernelSize"]),
      stride: first(config["strides"]),
      padding: config["padding"] as "valid" | "same" | "causal",
      dilation: first(config["dilationRate"]),
      bias: config["useBias"] as boolean
    }),
    config
  )
}

/** The multiplier is that of the kernel: the configuration of a separable convolution leaves it out. */
const depthwise = ({ config, inputs, weights }: Given, bias: boolean) => {
  const { kernel, ...others } = sides(config)
  const { channels } = inputs[0]!.shape as Image
  const multiplier = weights[0]!.length / (kernel[0] * kernel[1] * channels)
  return Layers.depthwiseConv2d({ ...others, kernel, bias, dilation: dilated(config), multiplier })
}

const depthwiseConv2d: Converter = (given) => {
  channelsLast(given)
  return affine(depthwise(given, given.config["useBias"] as boolean), given.config)
}

/** A depthwise convolution, then one over the channels of each pixel, whose bias is the layer's. */
const separableConv2d: Converter = (given) => {
  channelsLast(given)
  const { config } = given
  const bias = config["useBias"] as boolean
  const mixed = Layers.conv2d({ filters: config["filters"] as number, kernel: 1, bias })
  return {
    layers: [depthwise(given, false), mixed],
    blocks: [inOrder(0), bias ? inOrder(1, 2) : inOrder(1)]
  }
}

/**
 * Keras has its kernel as `[height, width, out, in]`, and with "valid" an output of at least size x stride, whose pixels past the last
 * kernel hold the bias.
 */
const conv2dTranspose: Converter = (given) => {
  channelsLast(given)
  const { config, inputs } = given
  const filters = config["filters"] as number
  const { channels } = inputs[0]!.shape as Image
  const from = (j: number): number => {
    const [tap, rest] = [Math.floor(j / (channels * filters)), j % (channels * filters)]
    return tap * channels * filters + (rest % filters) * channels + Math.floor(rest / filters)
  }
  const part = { weight: 0, from }
  const { kernel, padding, stride, ...others } = sides(config)
  const past = (of: 0 | 1): number => (padding === "valid" ? Math.max(0, stride[of] - kernel[of]) : 0)
  const outputPadding: Two = [past(0), past(1)]
  return {
    layers: [Layers.conv2dTranspose({ ...others, kernel, padding, stride, outputPadding, filters })],
    blocks: [config["useBias"] === true ? [part, { weight: 1 }] : [part]]
  }
}

const embedding: Converter = ({ config, layer }) => {
  if (config["maskZero"] === true) {
    throw unsupported(
      layer,
      "with maskZero, which Network.embedding has as padding",
      "Build the network of layers of Network, or use Conditional.fromFunction"
    )
  }
  return {
    layers: [
      Layers.embedding({ vocabulary: config["inputDim"] as number, size: config["outputDim"] as number })
    ],
    blocks: [inOrder(0)]
  }
}

/** Whether a normalisation goes over the channels, the last axis. */
const overChannels = ({ config, inputs, layer }: Given): void => {
  const axis = config["axis"]
  const last = { numbers: 1, sequence: 2, image: 3 }[formOf(inputs[0]!.shape)]
  const axes = Array.isArray(axis) ? axis : [axis]
  if (axes.length === 1 && (axes[0] === -1 || axes[0] === last)) return
  throw unsupported(layer, `over the axis ${String(axis)}, and the last one alone is supported`)
}

/** Scale and shift of a normalisation: Keras's gamma and beta, of which either may be off. */
const scaleAndShift = ({ center, scale }: Config) => ({
  options: { scale: scale === true, shift: center === true },
  blocks: scale || center ? [inOrder(...(scale && center ? [0, 1] : [0]))] : []
})

const batchNormalization: Converter = (given) => {
  overChannels(given)
  const { config, weights } = given
  const { blocks, options } = scaleAndShift(config)
  const [mean, variance] = weights.slice(-2)
  const epsilon = config["epsilon"] as number
  return {
    layers: [
      Layers.batchNorm({ ...options, epsilon, mean: Array.from(mean!), variance: Array.from(variance!) })
    ],
    blocks
  }
}

const layerNormalization: Converter = (given) => {
  overChannels(given)
  const { blocks, options } = scaleAndShift(given.config)
  return { layers: [Layers.layerNorm({ ...options, epsilon: given.config["epsilon"] as number })], blocks }
}

const pooled2d = (given: Given) => {
  channelsLast(given)
  const { config } = given
  return {
    size: config["poolSize"] as Two,
    stride: config["strides"] as Two,
    padding: config["padding"] as "valid" | "same"
  }
}

const pooled1d = ({ config }: Given) => ({
  size: first(config["poolSize"]),
  stride: first(config["strides"]),
  padding: config["padding"] as "valid" | "same"
})

const upSampling2d: Converter = (given) => {
  channelsLast(given)
  const { config, layer, output } = given
  const { interpolation = "nearest" } = config
  if (interpolation !== "nearest") throw unsupported(layer, `with the interpolation ${String(interpolation)}`)
  const [down, across] = config["size"] as Two
  const shown: Shown = (row, column) => [Math.floor(row / down), Math.floor(column / across)]
  return plain(showing(`upSampling2d(${down}x${across})`, output as Image, shown))
}

/** Zeros around an image, or its rim cut off: how far its first pixel is moved. The sizes are those of the output. */
const moved =
  (word: string, option: string, sign: 1 | -1): Converter =>
  (given) => {
    channelsLast(given)
    const { config, output } = given
    const ends = config[option] as readonly [Two, Two]
    const name = `${word}(${ends.map((side) => side.join(":")).join("x")})`
    const [[top], [left]] = ends
    return plain(showing(name, output as Image, (row, column) => [row - sign * top, column - sign * left]))
  }

const activation: Converter = ({ config, layer }) => {
  const layers = activationNamed(config["activation"])
  if (layers === undefined) throw unsupported(layer, `with the activation ${String(config["activation"])}`)
  // The activation is that of every layer's own option, which is added to what a converter gives.
  return plain()
}

const relu: Converter = ({ config, layer }) => {
  const { maxValue } = config
  if (maxValue === undefined || maxValue === null) return plain(Layers.relu)
  if (maxValue === 6) return plain(Layers.relu6)
  throw unsupported(layer, `of maximum ${String(maxValue)}`)
}

const elu: Converter = ({ config, layer }) => {
  if (config["alpha"] !== 1) throw unsupported(layer, `of alpha ${String(config["alpha"])}`)
  return plain(Layers.elu)
}

const softmax: Converter = (given) => {
  overChannels(given)
  return plain(Layers.softmax)
}

const concatenate: Converter = (given) => {
  overChannels(given)
  return { ...plain(), merge: "concatenate" }
}

const reshape: Converter = ({ inputs, output }) =>
  shapeName(inputs[0]!.shape) === shapeName(output) ? plain() : plain(Layers.reshape(output))

/** Each position by itself is what a dense layer does with a sequence. */
const timeDistributed: Converter = (given) => {
  const inner = given.layer.layer!
  if (inner.getClassName() !== "Dense") throw unsupported(given.layer, `of a ${inner.getClassName()}`)
  return dense({ ...given, config: inner.getConfig() })
}

/** What does nothing once a network is trained. */
const nothing: Converter = () => plain()

const converters: Readonly<Record<string, Converter>> = {
  Activation: activation,
  Add: () => ({ ...plain(), merge: "add" }),
  AlphaDropout: nothing,
  AveragePooling1D: (given) => plain(Layers.averagePool1d(pooled1d(given))),
  AveragePooling2D: (given) => plain(Layers.averagePool2d(pooled2d(given))),
  BatchNormalization: batchNormalization,
  Concatenate: concatenate,
  Conv1D: conv1d,
  Conv2D: conv2d,
  Conv2DTranspose: conv2dTranspose,
  Cropping2D: moved("cropping2d", "cropping", -1),
  Dense: dense,
  DepthwiseConv2D: depthwiseConv2d,
  Dropout: nothing,
  ELU: elu,
  Embedding: embedding,
  Flatten: (given) => {
    channelsLast(given)
    return plain(Layers.flatten)
  },
  GaussianDropout: nothing,
  GaussianNoise: nothing,
  GlobalAveragePooling1D: () => plain(Layers.globalAveragePool),
  GlobalAveragePooling2D: (given) => {
    channelsLast(given)
    return plain(Layers.globalAveragePool)
  },
  GlobalMaxPooling1D: () => plain(Layers.globalMaxPool),
  GlobalMaxPooling2D: (given) => {
    channelsLast(given)
    return plain(Layers.globalMaxPool)
  },
  LayerNormalization: layerNormalization,
  LeakyReLU: ({ config }) => plain(Layers.leakyRelu(config["alpha"] as number)),
  MaxPooling1D: (given) => plain(Layers.maxPool1d(pooled1d(given))),
  MaxPooling2D: (given) => plain(Layers.maxPool2d(pooled2d(given))),
  Multiply: () => ({ ...plain(), merge: "multiply" }),
  ReLU: relu,
  Reshape: reshape,
  SeparableConv2D: separableConv2d,
  Softmax: softmax,
  SpatialDropout1D: nothing,
  TimeDistributed: timeDistributed,
  UpSampling2D: upSampling2d,
  ZeroPadding2D: moved("zeroPadding2d", "padding", 1)
}

/** What a layer's own option adds to it: TimeDistributed's is that of the layer inside. */
export const activationOf = (layer: KerasLayer): unknown =>
  (layer.getClassName() === "TimeDistributed" ? layer.layer! : layer).getConfig()["activation"]

/**
 * A layer in terms of ours. `bare` leaves out a last softmax or sigmoid, which the likelihood has in it.
 *
 * *Throws*: `UnsupportedLayer`.
 */
export const convert = (given: Given, bare: boolean): Converted => {
  const { layer } = given
  const converter = converters[layer.getClassName()]
  if (converter === undefined) throw unsupported(layer, "which has no counterpart here")
  const own = activationNamed(activationOf(layer))
  if (own === undefined) throw unsupported(layer, `with the activation ${String(activationOf(layer))}`)
  if (bare && layer.getClassName() === "Softmax") return plain()
  const converted = converter(given)
  return bare ? converted : { ...converted, layers: [...converted.layers, ...own] }
}
