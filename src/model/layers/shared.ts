/** Weight sharing: one block of parameters with several uses in a network. */
import * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { InvalidArgument, ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, shown } from "../../Options.ts"
import { type Graph, isLayer, type Node } from "../Graph.ts"
import type { BuiltLayer, Layer } from "../Layer.ts"
import { channelsOf, described, type Form, positionsOf, withChannels } from "../Shape.ts"

const Named = Schema.Struct({
  name: Schema.String.check(
    Schema.makeFilter((name) => name.length > 0 || "Give a text of at least 1 letter.")
  )
})

/**
 * The layer, with the parameters of every other layer that the network shares in this name: they are drawn, counted and moved once, and
 * their gradient is the sum over the uses.
 *
 * *Math*: of blocks in the outer form the uses are as more positions of one use, which is what K-FAC's expand and reduce make of them.
 * *Throws*: `InvalidArgument` for what is no layer or no name, or, when placed, for another layer than at the first place of the name;
 * `ShapeMismatch` where its parameters would have other sizes there.
 *
 * *Source*: Eschenhagen, Immer, Turner, Schneider and Hennig 2023, section 3.
 */
export const shared = <
  const Name extends string,
  const LayerName extends string,
  Takes extends Form = Form,
  Gives extends Form | "same" = Form | "same"
>(
  name: Name,
  layer: Layer<LayerName, Takes, Gives>
): Layer<`shared(${Name}, ${LayerName})`, Takes, Gives> => {
  decodeOrThrow(Named, { name })
  if (!isLayer(layer)) {
    throw new InvalidArgument({
      argument: "layer",
      value: shown(layer),
      message: `layer is ${shown(layer)}. Give a layer of Network, such as Network.dense(10).`
    })
  }
  return {
    _tag: "Layer",
    name: `shared(${name}, ${layer.name})`,
    ...(layer.takes && { takes: layer.takes }),
    ...(layer.gives && { gives: layer.gives }),
    place: (graph, input) => graph.share(name, layer, input)
  }
}

/**
 * s = a W^T at every position, with W the kernel of the layer that was shared in this name before it: a dense layer without bias, or an
 * embedding. So the scores of the next token can be products with the table of the tokens.
 *
 * *Shapes*: for W `[in, out]` it takes `out` channels and gives `in`. *Cost*: 2 N T in out flops; the gradients of the block are written
 * out, K N in out floats. K-FAC and EKFAC refuse such a block: its gradient is no sum of outer products of one kind.
 * *Throws*: `InvalidArgument` for no name, and when placed, for a name that no layer was shared in before, or one whose layer has a bias
 * or not one kernel; `ShapeMismatch` for an input of other channels.
 *
 * *Source*: Press and Wolf 2017, section 3.
 */
export const transposed = <const Name extends string>(
  name: Name
): Layer<`transposed(${Name})`, "numbers" | "sequence", "same"> => {
  decodeOrThrow(Named, { name })
  const own = `transposed(${name})` as const
  return {
    _tag: "Layer",
    name: own,
    takes: ["numbers", "sequence"],
    gives: "same",
    place: (graph, input) => {
      const block = blockOf(graph, name)
      return graph.add(own, build(own, graph.written(block), input), input, block)
    }
  }
}

/** The one block that is shared in this name. */
const blockOf = (graph: Graph, name: string): number => {
  const [block, ...more] = graph.blocksOf(name)
  if (block !== undefined && more.length === 0) return block
  const many = block === undefined ? "no kernel" : `${more.length + 1} kernels`
  throw new InvalidArgument({
    argument: "name",
    value: shown(name),
    message: `transposed(${name}) is after ${many} shared as "${name}". Put shared("${name}", a dense layer without bias or an embedding) before it.`
  })
}

const build = (
  name: string,
  { bias, columns, rows }: ReturnType<Graph["written"]>,
  { shape }: Node
): BuiltLayer => {
  if (bias) {
    throw new InvalidArgument({
      argument: "name",
      value: name,
      message: `${name} is of a layer with a bias, which has no place in the transposed one. Share the layer without its bias.`
    })
  }
  if (channelsOf(shape) !== columns) {
    throw new ShapeMismatch({
      what: name,
      expected: `${columns} channels`,
      actual: described(shape),
      message: `${name} takes the ${columns} channels that its kernel of ${rows} x ${columns} gives, and is given ${described(shape)}. Put a layer of ${columns} channels before it.`
    })
  }
  const positions = positionsOf(shape)
  const rowsOf = (x: tf.Tensor, width: number): tf.Tensor2D => x.reshape([x.size / width, width])
  const joined = (x: tf.Tensor2D): tf.Tensor2D => x.reshape([x.shape[0] / positions, positions * rows])
  /** a W^T. */
  const through = (a: tf.Tensor2D, kernel: tf.Tensor2D): tf.Tensor2D =>
    joined(tf.matMul(rowsOf(a, columns), kernel, false, true))
  return {
    output: withChannels(shape, rows),
    masking: "keeps",
    forward: (weights, a) => through(a, weights!.kernel),
    linearize: ({ block, input, weights }) => {
      const { kernel } = weights!
      return {
        output: through(input, kernel),
        tape: [],
        pullbackInput: (cotangent) => {
          const [count, examples] = cotangent.shape
          return tf.matMul(rowsOf(cotangent, rows), kernel).reshape([count, examples, positions * columns])
        },
        score: (cotangent) => ({
          _tag: "Written",
          block: block!,
          gradient: outerSums(cotangent, input, { positions, rows, columns })
        }),
        pushforward: (tangent, direction) => {
          const moved = tangent && through(tangent, kernel)
          const turned = direction && through(input, direction.kernel)
          return moved && turned ? tf.add(moved, turned) : (moved ?? turned)
        }
      }
    }
  }
}

interface Sizes {
  readonly positions: number
  readonly rows: number
  readonly columns: number
}

/** sum_t g[k, n, t] a[n, t]^T, `[K, N, rows columns]`: one product for each example, of all columns at once. */
const outerSums = (g: tf.Tensor3D, a: tf.Tensor2D, { columns, positions, rows }: Sizes): tf.Tensor3D => {
  const [count, examples] = g.shape
  if (positions === 1) {
    return tf
      .mul(g.reshape([count, examples, rows, 1]), a.reshape([1, examples, 1, columns]))
      .reshape([count, examples, rows * columns])
  }
  // `[N, K rows, T]`, so that the product of one example is a plain one.
  const across = tf
    .transpose(g.reshape([count, examples, positions, rows]), [1, 0, 3, 2])
    .reshape<tf.Tensor2D>([examples * count * rows, positions])
  const each = Array.from({ length: examples }, (_, n) =>
    tf.matMul(
      tf.slice(across, [n * count * rows, 0], [count * rows, positions]),
      tf.slice(a, [n, 0], [1, positions * columns]).reshape<tf.Tensor2D>([positions, columns])
    )
  )
  return tf
    .transpose(tf.concat(each).reshape([examples, count, rows * columns]), [1, 0, 2])
    .reshape([count, examples, rows * columns])
}
