/**
 * A fully connected network in float64 with hand-written forward mode and backprop.
 *
 * The parameter vector holds the layers in order; a dense layer is its kernel [in, out] row-major, then its
 * bias [out]. With abar = [a; 1] the layer's block is thus the matrix [in + 1, out], row-major, and the
 * derivative of <w, z> in it is the outer product abar g^T, where g is the cotangent at the layer's output.
 */
import { type ActivationName, activations } from "./activations.ts"
import { identity, type Rows, type Vector } from "./linear.ts"

export type { ActivationName } from "./activations.ts"

export type OracleLayer =
  | { readonly kind: "dense"; readonly units: number; readonly bias: boolean }
  | { readonly kind: "activation"; readonly name: ActivationName }

export interface OracleNetwork {
  /** The width of x. 0 is a density: the outputs are then the bias alone. */
  readonly features: number
  readonly layers: ReadonlyArray<OracleLayer>
}

/** Where a dense layer's parameters lie. */
export interface Block {
  /** The layer's place in `layers`. */
  readonly layer: number
  readonly inputs: number
  readonly units: number
  readonly bias: boolean
  readonly offset: number
  readonly size: number
}

/** The dense layers' blocks, in order. */
export const blocks = (net: OracleNetwork): ReadonlyArray<Block> => {
  const found: Array<Block> = []
  let inputs = net.features
  let offset = 0
  net.layers.forEach((layer, index) => {
    if (layer.kind === "activation") return
    const { bias, units } = layer
    const size = (inputs + (bias ? 1 : 0)) * units
    found.push({ layer: index, inputs, units, bias, offset, size })
    inputs = units
    offset += size
  })
  return found
}

/** The number of parameters, P. */
export const size = (net: OracleNetwork): number => blocks(net).reduce((sum, block) => sum + block.size, 0)

/** The number of outputs, C. */
export const outputSize = (net: OracleNetwork): number => blocks(net).at(-1)?.units ?? net.features

/** a K + b, or a K for a kernel and bias taken from `parameters`. */
const affine = (block: Block, parameters: Vector, a: Vector): Float64Array => {
  const { bias, inputs, offset, units } = block
  const out = new Float64Array(units)
  for (let o = 0; o < units; o++) {
    let sum = bias ? parameters[offset + inputs * units + o]! : 0
    for (let i = 0; i < inputs; i++) sum += a[i]! * parameters[offset + i * units + o]!
    out[o] = sum
  }
  return out
}

/** a K, without the bias. */
const linear = (block: Block, parameters: Vector, a: Vector): Float64Array =>
  affine({ ...block, bias: false }, parameters, a)

const blockOf = (net: OracleNetwork, layer: number): Block =>
  blocks(net).find((block) => block.layer === layer)!

const check = (what: string, v: Vector, length: number): void => {
  if (v.length !== length) throw new RangeError(`${what} has ${v.length} entries, not ${length}`)
}

/** values[0] = x and values[l + 1] = the output of layer l. */
export const layerValues = (net: OracleNetwork, theta: Vector, x: Vector): ReadonlyArray<Float64Array> => {
  check("theta", theta, size(net))
  check("x", x, net.features)
  const values: Array<Float64Array> = [Float64Array.from(x)]
  net.layers.forEach((layer, index) => {
    const a = values[index]!
    values.push(
      layer.kind === "dense" ? affine(blockOf(net, index), theta, a) : a.map(activations[layer.name].f)
    )
  })
  return values
}

/** z = f(x, theta), [C]. */
export const outputs = (net: OracleNetwork, theta: Vector, x: Vector): Float64Array =>
  layerValues(net, theta, x).at(-1)!

export interface LayerSample {
  readonly block: Block
  /** abar = [a; 1], or a when the layer has no bias. */
  readonly input: Float64Array
  /** g = d<w, z> / d(the layer's output). */
  readonly cotangent: Float64Array
}

/** Backprop of w from the outputs: for every dense layer, in order, its input and its cotangent. */
export const layerInputsAndCotangents = (
  net: OracleNetwork,
  theta: Vector,
  x: Vector,
  w: Vector
): ReadonlyArray<LayerSample> => {
  const values = layerValues(net, theta, x)
  check("w", w, values.at(-1)!.length)
  const samples: Array<LayerSample> = []
  let g: Float64Array = Float64Array.from(w)
  for (let index = net.layers.length - 1; index >= 0; index--) {
    const layer = net.layers[index]!
    const a = values[index]!
    if (layer.kind === "activation") {
      const { df } = activations[layer.name]
      g = g.map((cotangent, i) => cotangent * df(a[i]!))
    } else {
      const block = blockOf(net, index)
      const cotangent = g
      samples.unshift({ block, input: Float64Array.from(block.bias ? [...a, 1] : a), cotangent })
      g = new Float64Array(block.inputs)
      for (let i = 0; i < block.inputs; i++) {
        for (let o = 0; o < block.units; o++)
          g[i]! += theta[block.offset + i * block.units + o]! * cotangent[o]!
      }
    }
  }
  return samples
}

/** J^T w, [P]. */
export const vjp = (net: OracleNetwork, theta: Vector, x: Vector, w: Vector): Float64Array => {
  const gradient = new Float64Array(size(net))
  for (const { block, cotangent, input } of layerInputsAndCotangents(net, theta, x, w)) {
    input.forEach((a, i) => {
      cotangent.forEach((g, o) => {
        gradient[block.offset + i * block.units + o] = a * g
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
  let tangent: Float64Array = new Float64Array(net.features)
  net.layers.forEach((layer, index) => {
    const a = values[index]!
    if (layer.kind === "activation") {
      const { df } = activations[layer.name]
      tangent = tangent.map((t, i) => df(a[i]!) * t)
    } else {
      const block = blockOf(net, index)
      const own = affine(block, v, a)
      tangent = linear(block, theta, tangent).map((t, o) => t + own[o]!)
    }
  })
  return tangent
}
