/** Dense layers, on numbers and on sequences. */

import type { Layer } from "../../../src/model/Layer.ts"
import type { Form } from "../../../src/model/Shape.ts"
import { sequence } from "../../oracle/graph/build.ts"
import type { OracleOp } from "../../oracle/graph/graph.ts"
import { dense, flatten, type LayerNet, type Layers, row, sigmoid, tanh } from "../layerRow.ts"

export const denses: Readonly<Record<string, LayerNet>> = {
  "dense, one without bias": row({
    oracle: sequence(3, [dense(4), tanh, dense(5, false), sigmoid, dense(2)]),
    library: (N) => N.sequential(3, [N.dense(4), N.tanh, N.dense(5, { bias: false }), N.sigmoid, N.dense(2)])
  }),
  "dense on a sequence": row({
    oracle: sequence({ length: 4, channels: 3 }, [dense(5), tanh, dense(2, false), flatten, dense(3)]),
    library: (N) =>
      N.sequential({ length: 4, channels: 3 }, [
        N.dense(5),
        N.tanh,
        N.dense(2, { bias: false }),
        N.flatten,
        N.dense(3)
      ])
  }),
  "dense on a sequence, a sequence of outputs": row({
    oracle: sequence({ length: 3, channels: 4 }, [dense(5), tanh, dense(2), sigmoid, dense(2, false)]),
    library: (N) =>
      N.sequential({ length: 3, channels: 4 }, [
        N.dense(5),
        N.tanh,
        N.dense(2),
        N.sigmoid,
        N.dense(2, { bias: false })
      ])
  })
}

const layersOf = (layers: Layers, between: Layer<string, Form, "same">) =>
  [layers.dense(2), between, layers.dense(5, { bias: false }), layers.dense(3)] as const

const opsOf = (between: OracleOp): ReadonlyArray<OracleOp> => [dense(2), between, dense(5, false), dense(3)]

const input = { length: 4, channels: 3 }
const pool: OracleOp = { kind: "globalAveragePool" }

/** Outputs by position, and their mean. */
const byPosition = (op: OracleOp, layer: (layers: Layers) => Layer<string, Form, "same">): LayerNet =>
  row({ oracle: sequence(input, opsOf(op)), library: (N) => N.sequential(input, layersOf(N, layer(N))) })

const averaged = (op: OracleOp, layer: (layers: Layers) => Layer<string, Form, "same">): LayerNet =>
  row({
    oracle: sequence(input, [...opsOf(op), pool]),
    library: (N) => N.sequential(input, [...layersOf(N, layer(N)), N.globalAveragePool])
  })

const identity: OracleOp = { kind: "activation", name: "identity" }

/** Networks for which K-FAC's two ways to take shared positions are exact, and the same with a tanh. */
export const linearNets = {
  expand: { linear: byPosition(identity, (N) => N.identity), bent: byPosition(tanh, (N) => N.tanh) },
  reduce: { linear: averaged(identity, (N) => N.identity), bent: averaged(tanh, (N) => N.tanh) }
}
