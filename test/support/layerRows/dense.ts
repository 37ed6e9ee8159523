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

const linear = (op: OracleOp, layer: (layers: Layers) => Layer<string, Form, "same">): LayerNet =>
  row({
    oracle: sequence({ length: 4, channels: 3 }, [dense(2), op, dense(5, false), dense(3)]),
    library: (N) =>
      N.sequential({ length: 4, channels: 3 }, [
        N.dense(2),
        layer(N),
        N.dense(5, { bias: false }),
        N.dense(3)
      ])
  })

/** Networks on positions for which K-FAC is exact, and one that is not linear. */
export const linearNets = {
  expand: linear({ kind: "activation", name: "identity" }, (N) => N.identity),
  bent: linear(tanh, (N) => N.tanh)
}
