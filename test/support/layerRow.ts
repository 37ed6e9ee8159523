/** A network that the laws of the layers run over: as a graph of the float64 oracle, and as the library builds it. */
import type { Network } from "../../src/index.ts"
import type { GraphNetwork, OracleOp } from "../oracle/graph/graph.ts"
import { sizeOf } from "../oracle/graph/values.ts"
import type { Matrix } from "../oracle/linear.ts"
import type { Generator } from "../oracle/random.ts"
import { dyadic } from "./measure.ts"

export type Layers = typeof Network

export interface LayerNet {
  readonly oracle: GraphNetwork
  /** Takes every layer from `layers`, so that it is known which ones a row is of. */
  readonly library: (layers: Layers) => Network.Network<string>
  /** The rows of x; standard normals unless said. */
  readonly inputs: (random: Generator, examples: number) => Matrix
  /** Oracles of as many parameters whose outputs are others: what a slip in the layer would make. */
  readonly wrong: ReadonlyArray<GraphNetwork>
}

interface Row<S extends string> extends Partial<Pick<LayerNet, "inputs" | "wrong">> {
  readonly oracle: GraphNetwork
  readonly library: (layers: Layers) => Network.Network<S>
}

const normals =
  ({ input }: GraphNetwork): LayerNet["inputs"] =>
  (random, examples) =>
    random.normalMatrix(examples, sizeOf(input)).map((x) => dyadic(x, 12))

export const row = <S extends string>({
  library,
  oracle,
  inputs = normals(oracle),
  wrong = []
}: Row<S>): LayerNet => ({
  oracle,
  // A table has one type for all of its networks.
  library: library as unknown as LayerNet["library"],
  inputs,
  wrong
})

/** For `inputs`: numbers from 0 to under `vocabulary`; with `padding`, the ends of all examples but the first are that number. */
export const tokens =
  (length: number, vocabulary: number, padding?: number): LayerNet["inputs"] =>
  (random, examples) =>
    Array.from({ length: examples }, (_, n) =>
      Float64Array.from({ length }, (_, t) => {
        const id = random.integer(vocabulary)
        if (padding === undefined) return id
        if (t >= length - (n % length)) return padding
        return id === padding ? (padding + 1) % vocabulary : id
      })
    )

/** Operations that many rows have. */
export const tanh: OracleOp = { kind: "activation", name: "tanh" }
export const sigmoid: OracleOp = { kind: "activation", name: "sigmoid" }
export const flatten: OracleOp = { kind: "flatten" }
export const dense = (units: number, bias = true): OracleOp => ({ kind: "dense", units, bias })
