/**
 * Where the numbers of a reference file stand in natgrad's order.
 *
 * A layer's weight is [out, in] there and [in, out] here, and its bias follows in both. The in-axis of a convolution is (channel, kernel
 * row, kernel column) there and (row, column, channel) here; that of a linear layer after a flattened image is (channel, row, column)
 * there and (row, column, channel) here. All of it follows from the architecture.
 */
import { inputShape, type Module, modules } from "./architecture.ts"

/** One layer with parameters. */
export interface LayerOrder {
  /** Where its parameters begin, here and there. */
  readonly offset: number
  readonly units: number
  readonly bias: boolean
  /** How many positions share the weight. */
  readonly positions: number
  /** PyTorch's shape of the weight. */
  readonly weightShape: ReadonlyArray<number>
  /** For each of our inputs its index there; the bias is not among them. */
  readonly inputs: ReadonlyArray<number>
  /** The same for the rows of the factor A: the bias last, where there is one. */
  readonly rows: ReadonlyArray<number>
}

export interface Order {
  readonly layers: ReadonlyArray<LayerOrder>
  /** For each of our parameters its index there. */
  readonly permutation: ReadonlyArray<number>
}

/** What a layer is given: an image, or numbers with for each of ours its index there. */
type Given =
  | { readonly channels: number; readonly height: number; readonly width: number }
  | ReadonlyArray<number>

const upTo = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/** For each index of an array (place, channel) that of the array (channel, place). */
const channelsFirst = (channels: number, places: number): ReadonlyArray<number> =>
  upTo(channels * places).map((i) => (i % channels) * places + Math.floor(i / channels))

const isImage = (given: Given): given is Exclude<Given, ReadonlyArray<number>> => !Array.isArray(given)

type Window = Pick<Extract<Module, { type: "Conv2d" }>, "dilation" | "kernel" | "padding" | "stride">

const convolved = (module: Window, size: number, side: 0 | 1): number => {
  const reach = module.dilation[side] * (module.kernel[side] - 1) + 1
  return Math.floor((size + 2 * module.padding[side] - reach) / module.stride[side]) + 1
}

type Shaped = Pick<LayerOrder, "units" | "bias" | "positions" | "weightShape" | "inputs">

/** The layer that a module is, if it has parameters, and what it gives. */
const through = (module: Module, given: Given): { readonly layer?: Shaped; readonly gives: Given } => {
  switch (module.type) {
    case "Activation":
      return { gives: given }
    case "Pool": {
      if (!isImage(given))
        throw new Error("a pooling is given no image. Give x_shape as [n, channels, height, width].")
      const window = { ...module, kernel: module.size, dilation: [1, 1] as const }
      const [height, width] = [convolved(window, given.height, 0), convolved(window, given.width, 1)]
      return { gives: { channels: given.channels, height, width } }
    }
    case "Flatten":
      return { gives: isImage(given) ? channelsFirst(given.channels, given.height * given.width) : given }
    case "Linear": {
      if (isImage(given)) throw new Error("a Linear is given an image. Put Flatten() before it.")
      const { bias, outputs } = module
      const weightShape = [outputs, given.length]
      return {
        layer: { units: outputs, bias, positions: 1, weightShape, inputs: given },
        gives: upTo(outputs)
      }
    }
    case "Conv2d": {
      if (!isImage(given))
        throw new Error("a Conv2d is given no image. Give x_shape as [n, channels, height, width].")
      const { bias, filters, kernel } = module
      const [height, width] = [convolved(module, given.height, 0), convolved(module, given.width, 1)]
      const weightShape = [filters, given.channels, ...kernel]
      const inputs = channelsFirst(given.channels, kernel[0] * kernel[1])
      return {
        layer: { units: filters, bias, positions: height * width, weightShape, inputs },
        gives: { channels: filters, height, width }
      }
    }
  }
}

/** The order of the network of these modules, for inputs of this shape. *Throws* where a module does not fit the one before it. */
export const orderOf = (architecture: ReadonlyArray<string>, shape: ReadonlyArray<number>): Order => {
  const input = inputShape(shape)
  let given: Given = typeof input === "number" ? upTo(input) : input
  let offset = 0
  const layers: Array<LayerOrder> = []
  const permutation: Array<number> = []
  for (const module of modules(architecture)) {
    const { gives, layer } = through(module, given)
    given = gives
    if (layer === undefined) continue
    const { bias, inputs, units } = layer
    layers.push({ ...layer, offset, rows: bias ? [...inputs, inputs.length] : inputs })
    for (const theirs of inputs)
      for (const o of upTo(units)) permutation.push(offset + o * inputs.length + theirs)
    if (bias) permutation.push(...upTo(units).map((o) => offset + inputs.length * units + o))
    offset = permutation.length
  }
  return { layers, permutation }
}

/** Our vector in the file's order. */
export const toFile = ({ permutation }: Order, ours: ArrayLike<number>): Float64Array => {
  const out = new Float64Array(permutation.length)
  for (const [i, theirs] of permutation.entries()) out[theirs] = ours[i]!
  return out
}

/** A vector of the file in our order. */
export const fromFile = ({ permutation }: Order, theirs: ArrayLike<number>): Float64Array =>
  Float64Array.from(permutation, (index) => theirs[index]!)

/** Our matrix `[P, P]` in the file's order. */
export const matrixToFile = ({ permutation }: Order, ours: ArrayLike<number>): Float64Array =>
  symmetricToFile(permutation, ours)

/** Our factor A of a layer in the file's order. */
export const factorToFile = ({ rows }: LayerOrder, ours: ArrayLike<number>): Float64Array =>
  symmetricToFile(rows, ours)

const symmetricToFile = (places: ReadonlyArray<number>, ours: ArrayLike<number>): Float64Array => {
  const n = places.length
  const out = new Float64Array(n * n)
  for (const [i, row] of places.entries()) {
    for (const [j, column] of places.entries()) out[row * n + column] = ours[i * n + j]!
  }
  return out
}

/** Our numbers `[in, out]`, one for each weight of a layer, in the file's shape of the weight. */
export const weightsToFile = ({ inputs, units }: LayerOrder, ours: ArrayLike<number>): Float64Array => {
  const out = new Float64Array(inputs.length * units)
  for (const [i, theirs] of inputs.entries()) {
    for (let o = 0; o < units; o++) out[o * inputs.length + theirs] = ours[i * units + o]!
  }
  return out
}
