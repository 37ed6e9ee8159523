/** Functions of each number. */

import type { Layer } from "../../../src/model/Layer.ts"
import type { Form } from "../../../src/model/Shape.ts"
import { sequence } from "../../oracle/graph/build.ts"
import type { OracleOp } from "../../oracle/graph/graph.ts"
import { dense, type LayerNet, type Layers, row } from "../layerRow.ts"

/** A function of each number, between dense layers. */
const activated = (
  name: Extract<OracleOp, { readonly kind: "activation" }>["name"],
  layer: (layers: Layers) => Layer<string, Form, "same">
): LayerNet => {
  const op: OracleOp = { kind: "activation", name }
  return row({
    oracle: sequence(3, [dense(4), op, dense(5), op, dense(2)]),
    library: (N) => N.sequential(3, [N.dense(4), layer(N), N.dense(5), layer(N), N.dense(2)])
  })
}

export const activations: Readonly<Record<string, LayerNet>> = {
  tanh: activated("tanh", (N) => N.tanh),
  relu: activated("relu", (N) => N.relu),
  sigmoid: activated("sigmoid", (N) => N.sigmoid),
  gelu: activated("gelu", (N) => N.gelu),
  softplus: activated("softplus", (N) => N.softplus),
  identity: activated("identity", (N) => N.identity),
  elu: activated("elu", (N) => N.elu),
  selu: activated("selu", (N) => N.selu),
  silu: activated("silu", (N) => N.silu),
  softsign: activated("softsign", (N) => N.softsign),
  relu6: activated("relu6", (N) => N.relu6),
  leakyRelu: activated("leakyRelu", (N) => N.leakyRelu(0.2))
}
