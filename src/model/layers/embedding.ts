/**
 * Embedding of tokens: s[t] = the row x[t] of a table, for a row x of token ids.
 *
 * As a matrix product it is the one-hot vector of the token times the table, so the score is the outer form with one-hot rows.
 */
import * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { InvalidArgument, ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, NonNegativeInt, PositiveInt } from "../../Options.ts"
import { variance } from "../Init.ts"
import { type BuiltLayer, type SingleLayer, single } from "../Layer.ts"
import { sizeOf } from "../Shape.ts"
import { drawn } from "./affine.ts"
import { type LayerName, layerName, type NumberPart, numberPart, type Only, type Said } from "./layerName.ts"

export interface EmbeddingOptions {
  /** How many tokens there are: ids are 0 to vocabulary - 1. */
  readonly vocabulary: number
  /** Channels of the output. */
  readonly size: number
  /** The id whose positions are masked; none unless said. */
  readonly padding?: number
}

export type EmbeddingName<Options extends EmbeddingOptions> = LayerName<
  "embedding",
  [
    number extends Options["vocabulary"] ? string : `${Options["vocabulary"]}`,
    number extends Options["size"] ? string : `${Options["size"]}`,
    NumberPart<"padding", Said<Options, "padding", undefined>, undefined>
  ]
>

/** float32 holds every whole number up to here. */
const mostTokens = 2 ** 24

const Embedding = Schema.Struct({
  vocabulary: PositiveInt.check(
    Schema.makeFilter(
      (tokens: number) => tokens <= mostTokens || `Give at most ${mostTokens}, the ids that float32 holds.`
    )
  ),
  size: PositiveInt,
  padding: Schema.optionalKey(NonNegativeInt)
})

/**
 * A sequence of `size` channels for a row of token ids. It takes the network's own input: x is data, and has no cotangent.
 *
 * *Shapes*: parameters `[vocabulary, size]`, no bias; x `[N, T]` becomes `[N, T size]`, with a mask `[N, T]` where there is a
 * `padding`. *Cost*: N T size numbers are gathered; a score has N T vocabulary numbers.
 * *Throws*: `InvalidArgument`; `ShapeMismatch` on anything but the network's input. Tokens that are none fail with `InvalidArgument`
 * where data meets the network.
 */
export const embedding = <const Options extends EmbeddingOptions>(
  options: Options & Only<Options, EmbeddingOptions>
): SingleLayer<EmbeddingName<Options>, "numbers", "sequence"> => {
  const decoded: EmbeddingOptions = decodeOrThrow(Embedding, options)
  const { padding, size, vocabulary } = decoded
  if (padding !== undefined && padding >= vocabulary) {
    throw new InvalidArgument({
      argument: "padding",
      value: String(padding),
      message: `padding is ${padding}, and a vocabulary of ${vocabulary} has the ids 0 to ${vocabulary - 1}. Give one of them.`
    })
  }
  const name = layerName("embedding", [
    String(vocabulary),
    String(size),
    numberPart("padding", padding, undefined)
  ]) as EmbeddingName<Options>
  const layer = single({
    name,
    takes: ["numbers"],
    gives: "sequence",
    build: (input) => build(requireTokens(name, sizeOf(input)), decoded)
  })
  return {
    ...layer,
    place: (graph, node) => {
      if (node.index === 0) return layer.place(graph, node)
      throw new ShapeMismatch({
        what: name,
        expected: "the network's input",
        actual: `what ${node.name} gives`,
        message: `${name} takes the token ids of the network's input, and is given what ${node.name} gives. Place it on the input.`
      })
    }
  }
}

const requireTokens = (name: string, length: number): number => {
  if (length > 0) return length
  throw new ShapeMismatch({
    what: name,
    expected: "at least 1 token",
    actual: "an input of 0 numbers",
    message: `${name} has no tokens in an input of 0 numbers. Give the network the length of its sequences.`
  })
}

/** What is wrong with a row of ids. */
const flawOf = (x: Float32Array, vocabulary: number): string | undefined => {
  const t = x.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary))
  return t < 0
    ? undefined
    : `its token at position ${t} is ${x[t]}, and a vocabulary of ${vocabulary} has the ids 0 to ${vocabulary - 1}. Give whole numbers of these.`
}

/** `[N T, vocabulary]`. tfjs has none of 1 token, and its wasm writes the bits of integers into one of floats. */
const oneHot = (tokens: tf.Tensor1D, vocabulary: number): tf.Tensor2D =>
  vocabulary === 1
    ? tf.ones([tokens.size, 1])
    : tf.cast(tf.oneHot(tokens, vocabulary) as tf.Tensor2D, "float32")

const build = (length: number, { padding, size, vocabulary }: EmbeddingOptions): BuiltLayer => {
  const ids = (x: tf.Tensor2D): tf.Tensor1D => tf.cast(x.reshape<tf.Tensor1D>([-1]), "int32")
  const looked = (table: tf.Tensor2D, tokens: tf.Tensor1D): tf.Tensor2D =>
    tf.gather(table, tokens).reshape([-1, length * size])
  return {
    output: { length, channels: size },
    shape: { rows: vocabulary, columns: size, bias: false, form: "outer" },
    // One row counts at a time: a fan-in of 1, whatever the vocabulary.
    initialise: (key, init) => drawn(key, variance(init, 1, size), vocabulary, size, false),
    flaw: (x) => flawOf(x, vocabulary),
    ...(padding === undefined && { forward: (weights, x) => looked(weights!.kernel, ids(x)) }),
    linearize: ({ block, input, weights }) => {
      const tokens = ids(input)
      const mask =
        padding === undefined ? undefined : tf.cast<tf.Tensor2D>(tf.notEqual(input, padding), "float32")
      return {
        output: looked(weights!.kernel, tokens),
        ...(mask && { mask }),
        tape: [tokens, ...(mask === undefined ? [] : [mask])],
        // Nothing before it moves: it is 0, and nobody asks.
        pullbackInput: ({ shape: [columns, examples] }) => tf.zeros([columns, examples, length]),
        score: (cotangent) => {
          const [columns, examples] = cotangent.shape
          return {
            _tag: "Outer",
            block: block!,
            positions: length,
            input: oneHot(tokens, vocabulary),
            cotangent: cotangent.reshape([columns, examples * length, size]),
            mask
          }
        },
        pushforward: (_, direction) => direction && looked(direction.kernel, tokens)
      }
    }
  }
}
