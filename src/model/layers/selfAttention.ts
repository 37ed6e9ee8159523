/**
 * Self-attention of a sequence: dense layers make a query, a key and a value of every position, attention mixes the values, and a dense
 * layer takes the heads, side by side, back to the channels of the input.
 */
import { Schema } from "effect"
import { InvalidArgument } from "../../Errors.ts"
import { decodeOrThrow, PositiveInt } from "../../Options.ts"
import type { Node } from "../Graph.ts"
import { type Layer, type SingleLayer, single } from "../Layer.ts"
import { channelsOf, positionsOf } from "../Shape.ts"
import { attention } from "./attention.ts"
import { dense } from "./dense.ts"
import {
  type LayerName,
  layerName,
  type NumberPart,
  numberPart,
  type Only,
  type Said,
  type SwitchPart,
  switchPart
} from "./layerName.ts"

export interface SelfAttentionOptions {
  readonly heads: number
  /** Of one head: channels / heads unless said. */
  readonly keySize?: number
  /** Whether a position sees none after it; false unless said. */
  readonly causal?: boolean
  /** Whether the dense layers have one; true unless said. */
  readonly bias?: boolean
}

const SelfAttention = Schema.Struct({
  heads: PositiveInt,
  keySize: Schema.optionalKey(PositiveInt),
  causal: Schema.optionalKey(Schema.Boolean),
  bias: Schema.optionalKey(Schema.Boolean)
})

/** A part for what is not there unless said. */
type CausalPart<Value> = [Value] extends [false] ? "" : [Value] extends [true] ? "causal" : string

/** Self-attention's name in a signature, with everything in it that is not the default. */
export type SelfAttentionName<Options extends SelfAttentionOptions> = LayerName<
  "selfAttention",
  [
    NumberPart<"heads", Options["heads"], undefined>,
    NumberPart<"key size", Said<Options, "keySize", undefined>, undefined>,
    CausalPart<Said<Options, "causal", false>>,
    SwitchPart<"bias", Said<Options, "bias", true>>
  ]
>

/**
 * Self-attention with several heads, from a sequence to one of the same channels.
 *
 * Masked positions are seen by none. *Shapes*: four blocks in the outer form: query, key, value `[channels (+1), heads keySize]`, output
 * `[heads keySize (+1), channels]`. *Cost*: those of four dense layers and 4 N T^2 heads keySize flops, 8 for a cotangent; linearised it
 * keeps its weights, N heads T^2 floats.
 * *Throws*: `InvalidArgument` for an option out of range, or heads that do not divide the channels where no keySize is said;
 * `ShapeMismatch` for what is no sequence.
 *
 * *Source*: Vaswani et al. 2017, section 3.2.2.
 */
export const selfAttention = <const Options extends SelfAttentionOptions>(
  options: Options & Only<Options, SelfAttentionOptions>
): Layer<SelfAttentionName<Options>, "sequence", "sequence"> => {
  const {
    bias = true,
    causal = false,
    heads,
    keySize
  }: SelfAttentionOptions = decodeOrThrow(SelfAttention, options)
  const name = layerName("selfAttention", [
    `heads ${heads}`,
    numberPart("key size", keySize, undefined),
    causal ? "causal" : "",
    switchPart("bias", bias)
  ])
  return {
    _tag: "Layer",
    name: name as SelfAttentionName<Options>,
    takes: ["sequence"],
    gives: "sequence",
    place: (graph, input) => {
      const size = keySize ?? sizeOfHeads(name, heads, input)
      const [query, key, value] = (["query", "key", "value"] as const).map((part) =>
        graph.place(projection(part, heads * size, bias), input)
      )
      const sizes = { positions: positionsOf(input.shape), heads, keySize: size, causal }
      const own = `attention(heads ${heads}${causal ? ", causal" : ""})`
      const mixed = graph.merge(own, () => attention(sizes), [query!, key!, value!])
      return graph.place(projection("output", channelsOf(input.shape), bias), mixed)
    }
  }
}

/** A dense layer that goes by its part. */
const projection = (part: string, units: number, bias: boolean): SingleLayer<string, "sequence", "same"> =>
  single({
    name: `${part}(${units}${bias ? "" : ", no bias"})`,
    takes: ["sequence"],
    gives: "same",
    build: dense(units, { bias }).build
  })

const sizeOfHeads = (name: string, heads: number, { shape }: Node): number => {
  const channels = channelsOf(shape)
  if (channels % heads === 0) return channels / heads
  throw new InvalidArgument({
    argument: "heads",
    value: String(heads),
    message: `heads of ${name} is ${heads}, which does not divide the ${channels} channels of its input. Give a keySize, or heads that do.`
  })
}
