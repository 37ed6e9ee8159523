/** Networks that have blocks of every form: outer products at shared positions, some of them masked, units, and written gradients. */
import { dense, flatten, type LayerNet, tanh } from "./layerRow.ts"
import { chained } from "./layerRows/chained.ts"
import { dyadic } from "./measure.ts"

const value = -1.5

/** One position of every other example is masked. */
const withMasked =
  (length: number, channels: number): LayerNet["inputs"] =>
  (random, examples) =>
    Array.from({ length: examples }, (_, n) => {
      const x = dyadic(random.normals(length * channels), 12)
      const t = n % (2 * length)
      return t < length ? x.fill(value, t * channels, (t + 1) * channels) : x
    })

/** P = 12 + 8 + 39 = 59 in three blocks: at T = 3 positions, of units, and of one position. */
export const forms: LayerNet = {
  ...chained(
    { length: 3, channels: 2 },
    [{ kind: "masking", value }, dense(4), { kind: "layerNorm", epsilon: 0.01 }, tanh, flatten, dense(3)],
    (N) => [N.masking({ value }), N.dense(4), N.layerNorm({ epsilon: 0.01 }), N.tanh, N.flatten, N.dense(3)]
  ),
  inputs: withMasked(3, 2)
}

/** How many blocks it has. */
export const formBlocks = 3

/** P = 12 + 8 = 20: a kernel `[3, 4]` that is used transposed too, and a dense layer. */
export const writtenForm: LayerNet = chained(
  3,
  [
    { kind: "dense", units: 4, bias: false, block: "a" },
    tanh,
    { kind: "dense", units: 3, transposed: true, block: "a" },
    dense(2)
  ],
  (N) => [N.shared("a", N.dense(4, { bias: false })), N.tanh, N.transposed("a"), N.dense(2)]
)
