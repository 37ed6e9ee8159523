/**
 * The registry of the networks over which every layer obeys the laws.
 *
 * A new layer adds rows to a file of `layerRows/`, or a file of its own and a line here. A row has sizes that differ from 1 and from each
 * other, at least 2 outputs, and some 20 to 80 parameters: the oracle takes every derivative by differences.
 */
import { Network } from "../../src/index.ts"
import type { LayerNet } from "./layerRow.ts"
import { activations } from "./layerRows/activations.ts"
import { attentions } from "./layerRows/attention.ts"
import { compositions } from "./layerRows/compositions.ts"
import { convolutions } from "./layerRows/convolutions.ts"
import { denses } from "./layerRows/dense.ts"
import { graphs } from "./layerRows/graphs.ts"
import { masks } from "./layerRows/masks.ts"
import { norms } from "./layerRows/norms.ts"
import { pointwise } from "./layerRows/pointwise.ts"
import { pools } from "./layerRows/pools.ts"
import { sharings } from "./layerRows/sharings.ts"

export const layerNets: Readonly<Record<string, LayerNet>> = {
  ...activations,
  ...denses,
  ...convolutions,
  ...pools,
  ...graphs,
  ...attentions,
  ...compositions,
  ...sharings,
  ...norms,
  ...masks,
  ...pointwise
}

/** The layers that the rows take, by the name that the library exports them under. */
export const taken = (rows: Readonly<Record<string, LayerNet>>): ReadonlySet<string> => {
  const names = new Set<string>()
  const seen = new Proxy(Network, {
    get: (layers, name) => {
      names.add(String(name))
      return Reflect.get(layers, name)
    }
  })
  for (const { library } of Object.values(rows)) library(seen)
  return names
}
