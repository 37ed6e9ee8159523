/**
 * A network of dense layers and convolutions in float64 with hand-written forward mode and backprop.
 *
 * The parameter vector holds the layers in order; a dense layer is its kernel [in, out] row-major, then its
 * bias [out]. With abar = [a; 1] the layer's block is thus the matrix [in + 1, out], row-major, and the
 * derivative of <w, z> in it is the outer product abar g^T, where g is the cotangent at the layer's output. A
 * convolution is the same with T positions: in is kernel height x kernel width x channels, abar[t] the patch at
 * position t with a 1, and the derivative the sum over t of abar[t] g[t]^T.
 */
import { type AnyActivationName, activations } from "./activations.ts"
import {
  convolve,
  convolved,
  imageSize,
  type OracleConvolution,
  type OracleImage,
  patches,
  pullBack
} from "./convolution.ts"
import { axpy, identity, type Rows, type Vector } from "./linear.ts"

export type { ActivationName } from "./activations.ts"

export type OracleLayer =
  | { readonly kind: "dense"; readonly units: number; readonly bias: boolean }
  | { readonly kind: "activation"; readonly name: AnyActivationName }
  | OracleConvolution
  | { readonly kind: "flatten" }

export interface OracleNetwork {
  /** The width of x. 0 is a density: the outputs are then the bias alone. */
  readonly features: number
  /** Where x is an image, its shape; `features` is how many numbers it has. */
  readonly image?: OracleImage
  readonly layers: ReadonlyArray<OracleLayer>
}

/** Where a dense layer's or a convolution's parameters lie. */
export interface Block {
  /** The layer's place in `layers`. */
  readonly layer: number
  /** Rows of the kernel: kernel height x kernel width x channels for a convolution. */
  readonly inputs: number
  /** Columns of the kernel. */
  readonly units: number
  /** How many positions share the kernel: T, 1 for a dense layer. */
  readonly positions: number
  readonly bias: boolean
  readonly offset: number
  readonly size: number
}

/** The input of a layer: how many numbers, and which image if it is one. */
interface Shape {
  readonly size: number
  readonly image?: OracleImage
}

const imageOf = ({ image }: Shape): OracleImage => {
  if (image === undefined) throw new RangeError("a convolution on what is no image")
  return image
}

const after = (shape: Shape, layer: OracleLayer): Shape => {
  switch (layer.kind) {
    case "dense":
      return { size: layer.units }
    case "activation":
      return shape
    case "flatten":
      return { size: shape.size }
    case "conv2d": {
      const image = convolved(layer, imageOf(shape))
      return { size: imageSize(image), image }
    }
  }
}

/** shapes[l] is that of the input of layer l, and the last one that of the outputs. */
const shapes = ({ features, image, layers }: OracleNetwork): ReadonlyArray<Shape> => {
  const found: Array<Shape> = [{ size: features, ...(image && { image }) }]
  for (const layer of layers) found.push(after(found.at(-1)!, layer))
  return found
}

/** The blocks of the layers that have parameters, in order. */
export const blocks = (net: OracleNetwork): ReadonlyArray<Block> => {
  const found: Array<Block> = []
  const at = shapes(net)
  let offset = 0
  const add = (layer: number, inputs: number, units: number, positions: number, bias: boolean): void => {
    const size = (inputs + (bias ? 1 : 0)) * units
    found.push({ layer, inputs, units, positions, bias, offset, size })
    offset += size
  }
  net.layers.forEach((layer, index) => {
    if (layer.kind === "dense") add(index, at[index]!.size, layer.units, 1, layer.bias)
    if (layer.kind === "conv2d") {
      const inputs = layer.kernel[0] * layer.kernel[1] * imageOf(at[index]!).channels
      const { height, width } = imageOf(at[index + 1]!)
      add(index, inputs, layer.filters, height * width, layer.bias)
    }
  })
  return found
}

/** The number of parameters, P. */
export const size = (net: OracleNetwork): number => blocks(net).reduce((sum, block) => sum + block.size, 0)

/** The number of outputs, C. */
export const outputSize = (net: OracleNetwork): number => shapes(net).at(-1)!.size

/** A layer with parameters in its place. */
interface Place {
  readonly layer: Extract<OracleLayer, { kind: "dense" | "conv2d" }>
  readonly block: Block
  readonly input: Shape
}

/** The places of the layers with parameters, undefined for the others. */
const places = (net: OracleNetwork): ReadonlyArray<Place | undefined> => {
  const at = shapes(net)
  const all = blocks(net)
  return net.layers.map((layer, index) =>
    layer.kind === "dense" || layer.kind === "conv2d"
      ? { layer, block: all.find((block) => block.layer === index)!, input: at[index]! }
      : undefined
  )
}

const kernelOf = ({ inputs, offset, units }: Block, parameters: Vector): Float64Array =>
  Float64Array.from({ length: inputs * units }, (_, i) => parameters[offset + i]!)

/** a K + b, the bias at every position, for the kernel and bias of `parameters`; a K where `bias` is false. */
const affine = (
  { block, input, layer }: Place,
  parameters: Vector,
  a: Vector,
  bias = block.bias
): Float64Array => {
  const { inputs, offset, positions, units } = block
  const kernel = kernelOf(block, parameters)
  const out = Float64Array.from({ length: positions * units }, (_, i) =>
    bias ? parameters[offset + inputs * units + (i % units)]! : 0
  )
  if (layer.kind === "conv2d") return axpy(out, 1, convolve(layer, imageOf(input), kernel, a))
  for (let o = 0; o < units; o++) {
    for (let i = 0; i < inputs; i++) out[o]! += a[i]! * kernel[i * units + o]!
  }
  return out
}

/** a K, without the bias. */
const linear = (place: Place, parameters: Vector, a: Vector): Float64Array =>
  affine(place, parameters, a, false)

/** g K^T. */
const transposed = ({ block, input, layer }: Place, theta: Vector, g: Vector): Float64Array => {
  const kernel = kernelOf(block, theta)
  if (layer.kind === "conv2d") return pullBack(layer, imageOf(input), kernel, g)
  const back = new Float64Array(block.inputs)
  for (let i = 0; i < block.inputs; i++) {
    for (let o = 0; o < block.units; o++) back[i]! += kernel[i * block.units + o]! * g[o]!
  }
  return back
}

/** abar at every position, T x (in + 1). */
const inputRows = ({ block, input, layer }: Place, a: Vector): Rows =>
  layer.kind === "conv2d"
    ? patches(layer, imageOf(input), a)
    : [Float64Array.from(block.bias ? [...Array.from(a), 1] : Array.from(a))]

const check = (what: string, v: Vector, length: number): void => {
  if (v.length !== length) throw new RangeError(`${what} has ${v.length} entries, not ${length}`)
}

/** values[0] = x and values[l + 1] = the output of layer l. */
export const layerValues = (net: OracleNetwork, theta: Vector, x: Vector): ReadonlyArray<Float64Array> => {
  check("theta", theta, size(net))
  check("x", x, net.features)
  const values: Array<Float64Array> = [Float64Array.from(x)]
  const at = places(net)
  net.layers.forEach((layer, index) => {
    const a = values[index]!
    const place = at[index]
    if (place !== undefined) values.push(affine(place, theta, a))
    else values.push(layer.kind === "activation" ? a.map(activations[layer.name].f) : a)
  })
  return values
}

/** z = f(x, theta), [C]. */
export const outputs = (net: OracleNetwork, theta: Vector, x: Vector): Float64Array =>
  layerValues(net, theta, x).at(-1)!

export interface LayerSample {
  readonly block: Block
  /** abar[t] = [a[t]; 1], or a[t] when the layer has no bias: T rows. */
  readonly inputs: Rows
  /** g[t] = d<w, z> / d(the layer's output at t): T rows. */
  readonly cotangents: Rows
}

/** Backprop of w from the outputs: for every layer with parameters, in order, its inputs and its cotangents. */
export const layerInputsAndCotangents = (
  net: OracleNetwork,
  theta: Vector,
  x: Vector,
  w: Vector
): ReadonlyArray<LayerSample> => {
  const values = layerValues(net, theta, x)
  check("w", w, values.at(-1)!.length)
  const samples: Array<LayerSample> = []
  const at = places(net)
  let g: Float64Array = Float64Array.from(w)
  for (let index = net.layers.length - 1; index >= 0; index--) {
    const layer = net.layers[index]!
    const place = at[index]
    const a = values[index]!
    if (place !== undefined) {
      const { block } = place
      const cotangents = Array.from({ length: block.positions }, (_, t) =>
        g.slice(t * block.units, (t + 1) * block.units)
      )
      samples.unshift({ block, inputs: inputRows(place, a), cotangents })
      g = transposed(place, theta, g)
    } else if (layer.kind === "activation") {
      const { df } = activations[layer.name]
      g = g.map((cotangent, i) => cotangent * df(a[i]!))
    }
  }
  return samples
}

/** J^T w, [P]. */
export const vjp = (net: OracleNetwork, theta: Vector, x: Vector, w: Vector): Float64Array => {
  const gradient = new Float64Array(size(net))
  for (const { block, cotangents, inputs } of layerInputsAndCotangents(net, theta, x, w)) {
    inputs.forEach((row, t) => {
      row.forEach((a, i) => {
        cotangents[t]!.forEach((g, o) => {
          gradient[block.offset + i * block.units + o]! += a * g
        })
      })
    })
  }
  return gradient
}

/** J = dz/dtheta, C x P: row c is the backprop of e_c. */
export const jacobian = (net: OracleNetwork, theta: Vector, x: Vector): Rows =>
  identity(outputSize(net)).map((unit) => vjp(net, theta, x, unit))

/** J v, [C], by forward mode. */
export const jvp = (net: OracleNetwork, theta: Vector, x: Vector, v: Vector): Float64Array => {
  check("v", v, size(net))
  const values = layerValues(net, theta, x)
  const at = places(net)
  let tangent: Float64Array = new Float64Array(net.features)
  net.layers.forEach((layer, index) => {
    const a = values[index]!
    const place = at[index]
    if (place !== undefined) {
      const own = affine(place, v, a)
      tangent = linear(place, theta, tangent).map((t, o) => t + own[o]!)
    } else if (layer.kind === "activation") {
      const { df } = activations[layer.name]
      tangent = tangent.map((t, i) => df(a[i]!) * t)
    }
  })
  return tangent
}
