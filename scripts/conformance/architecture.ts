/**
 * The networks of NNGeometry's reference files (test/fixtures/nngeometry/README.md) as data: modules as PyTorch prints them, and
 * inputs of shape [n, features] or NCHW.
 *
 * What natgrad has no layer for is refused: a number for another network is worse than none.
 */
import type { Network } from "../../src/index.ts"

type Two = readonly [height: number, width: number]

type ActivationName = keyof typeof Network.activations

export type Module =
  | { readonly type: "Linear"; readonly outputs: number; readonly bias: boolean }
  | {
      readonly type: "Conv2d"
      readonly filters: number
      readonly kernel: Two
      readonly stride: Two
      /** Pixels of zeros on both ends of each side. */
      readonly padding: Two
      readonly dilation: Two
      readonly bias: boolean
    }
  | {
      readonly type: "Pool"
      readonly by: "max" | "average"
      readonly size: Two
      readonly stride: Two
      readonly padding: Two
    }
  | { readonly type: "Activation"; readonly name: ActivationName }
  | { readonly type: "Flatten" }

/** What the file says of one input: so many numbers, or an image. */
export type InputShape =
  | number
  | { readonly channels: number; readonly height: number; readonly width: number }

/** The shape of one input, from the shape of all: [n, features] or [n, channels, height, width]. */
export const inputShape = (shape: ReadonlyArray<number>): InputShape => {
  const [, channels, height, width] = shape
  if (shape.length === 2) return channels!
  if (shape.length === 4) return { channels: channels!, height: height!, width: width! }
  throw new Error(
    `inputs of shape [${shape.join(", ")}]. Give [n, features] or [n, channels, height, width].`
  )
}

type Nested = number | ReadonlyArray<Nested>

const flattened = (x: Nested): ReadonlyArray<number> => (typeof x === "number" ? [x] : x.flatMap(flattened))

/** One row of numbers for each input, images as natgrad has them: row by row, pixel by pixel, channel by channel. */
export const inputRows = (x: Nested, shape: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<number>> => {
  const each = inputShape(shape)
  const values = flattened(x)
  const size = shape.slice(1).reduce((product, length) => product * length, 1)
  if (values.length !== shape[0]! * size) {
    throw new Error(`${values.length} numbers are no inputs of shape [${shape.join(", ")}].`)
  }
  return Array.from({ length: shape[0]! }, (_, n) => {
    const row = values.slice(n * size, (n + 1) * size)
    if (typeof each === "number") return row
    const { channels, height, width } = each
    return row.map((_, i) => {
      const pixel = Math.floor(i / channels)
      return row[(i % channels) * height * width + pixel]!
    })
  })
}

/** The modules of a file, in order. Throws for one that is not in the format, or has no counterpart. */
export const modules = (architecture: ReadonlyArray<string>): ReadonlyArray<Module> =>
  architecture.map((text) => {
    const [, type, inner] = /^(\w+)\((.*)\)$/s.exec(text.trim()) ?? []
    const read = type === undefined ? undefined : readers[type]
    if (read === undefined || inner === undefined) {
      throw new Error(`The module ${text} is not known. Known are ${Object.keys(readers).join(", ")}.`)
    }
    const given = options(text, inner)
    const module = read(given)
    const left = [...given.keys()]
    if (left.length > 0) throw new Error(`The module ${text} has ${left.join(", ")}, which is not supported.`)
    return module
  })

/** `a, b=c, d=(e, f)` as a map; what has no name is named by its place. */
type Options = Map<string, string>

const options = (text: string, inner: string): Options => {
  const found: Options = new Map()
  for (const part of inner.match(/[^,(]+(\([^)]*\))?/g) ?? []) {
    const [, name, value] = /^\s*(?:(\w+)=)?(.*?)\s*$/s.exec(part) ?? []
    if (!value) throw new Error(`The module ${text} cannot be read at "${part}".`)
    found.set(name ?? String(found.size), value)
  }
  return found
}

/** The value of an option, which is then taken care of. */
const take = (of: Options, name: string, unsaid?: string): string => {
  const value = of.get(name) ?? unsaid
  if (value === undefined) throw new Error(`A module has no ${name}.`)
  of.delete(name)
  return value
}

const number = (value: string): number => {
  if (!/^\d+$/.test(value)) throw new Error(`"${value}" is no whole number.`)
  return Number(value)
}

const pair = (value: string): Two => {
  const [, height, width] = /^\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(value) ?? []
  if (height === undefined || width === undefined) return [number(value), number(value)]
  return [Number(height), Number(width)]
}

const truth = (value: string): boolean => {
  if (value !== "True" && value !== "False") throw new Error(`"${value}" is neither True nor False.`)
  return value === "True"
}

/** Takes an option that may only have this value. */
const only = (of: Options, name: string, value: string): void => {
  if (take(of, name, value) !== value) throw new Error(`${name} must be ${value}.`)
}

const activation = (name: ActivationName) => (): Module => ({ type: "Activation", name })

const pool =
  (by: "max" | "average") =>
  (of: Options): Module => {
    const size = pair(take(of, "kernel_size"))
    const stride = of.has("stride") ? pair(take(of, "stride")) : size
    const padding = pair(take(of, "padding", "0"))
    only(of, "dilation", "1")
    only(of, "ceil_mode", "False")
    // A mean that counts the padding as zeros is another function.
    if (by === "average" && padding.some((pixels) => pixels > 0)) only(of, "count_include_pad", "False")
    return { type: "Pool", by, size, stride, padding }
  }

const readers: Readonly<Record<string, (of: Options) => Module>> = {
  Linear: (of) => {
    take(of, "in_features")
    return {
      type: "Linear",
      outputs: number(take(of, "out_features")),
      bias: truth(take(of, "bias", "True"))
    }
  },
  Conv2d: (of) => {
    take(of, "0")
    only(of, "groups", "1")
    return {
      type: "Conv2d",
      filters: number(take(of, "1")),
      kernel: pair(take(of, "kernel_size")),
      stride: pair(take(of, "stride", "1")),
      padding: pair(take(of, "padding", "0")),
      dilation: pair(take(of, "dilation", "1")),
      bias: truth(take(of, "bias", "True"))
    }
  },
  MaxPool2d: pool("max"),
  AvgPool2d: pool("average"),
  ELU: (of) => {
    only(of, "alpha", "1.0")
    return { type: "Activation", name: "elu" }
  },
  GELU: (of) => {
    only(of, "approximate", "'none'")
    return { type: "Activation", name: "gelu" }
  },
  Identity: activation("identity"),
  ReLU: activation("relu"),
  ReLU6: activation("relu6"),
  SELU: activation("selu"),
  SiLU: activation("silu"),
  Sigmoid: activation("sigmoid"),
  Softplus: (of) => {
    only(of, "beta", "1.0")
    // Over its threshold PyTorch takes x for softplus(x), which float32 does too.
    take(of, "threshold", "20.0")
    return { type: "Activation", name: "softplus" }
  },
  Softsign: activation("softsign"),
  Tanh: activation("tanh"),
  Flatten: (of) => {
    only(of, "start_dim", "1")
    only(of, "end_dim", "-1")
    return { type: "Flatten" }
  }
}
