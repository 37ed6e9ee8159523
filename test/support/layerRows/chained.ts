/** Rows of layers one after the other. */
import type { Layer } from "../../../src/model/Layer.ts"
import type { Shape } from "../../../src/model/Shape.ts"
import { sequence } from "../../oracle/graph/build.ts"
import type { OracleOp } from "../../oracle/graph/graph.ts"
import { type LayerNet, type Layers, row } from "../layerRow.ts"

/** The same layers, for the oracle and for the library, and what slips would make of the first. */
export const chained = (
  input: Shape,
  ops: ReadonlyArray<OracleOp>,
  layers: (layers: Layers) => ReadonlyArray<Layer<string>>,
  slips: ReadonlyArray<ReadonlyArray<OracleOp>> = []
): LayerNet =>
  row({
    oracle: sequence(input, ops),
    library: (N) => N.sequential(input, layers(N)),
    wrong: slips.map((wrong) => sequence(input, wrong))
  })
