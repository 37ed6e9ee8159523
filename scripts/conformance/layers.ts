/** Lists of a reference file that have an entry for each layer with parameters. */
import type { Tree } from "./field.ts"
import { given, record } from "./field.ts"
import type { LayerOrder } from "./order.ts"
import type { Path } from "./reference.ts"
import type { Subject } from "./subject.ts"

/** Which layer an entry is of: the one that it names, or the one of its place. */
const indexOf = ({ reference }: Subject, list: Path, key: string): number => {
  const named = reference.at(...list, key, "layer") ?? reference.at(...list, key, "id")
  const found = named === undefined ? -1 : reference.layerIds.indexOf(String(named))
  return found < 0 ? Number(key) : found
}

/** The fields of such a list, from those of an entry. */
export const layerField =
  (
    subject: Subject,
    list: Path,
    fields: (layer: LayerOrder, index: number) => Readonly<Record<string, Tree>>
  ): Tree =>
  (key) => {
    const index = indexOf(subject, list, key)
    const layer = subject.order.layers[index]
    return layer === undefined ? undefined : record({ layer: given, ...fields(layer, index) })
  }
