/**
 * X^T X on the device, by panels of columns: the half above the diagonal is the mirror of the half below, and is not computed.
 *
 * *Math*: out_ij = sum_n x_ni x_nj, exactly symmetric. *Cost*: with p panels (p + 1) / (2 p) of a full product's flops.
 */
import * as tf from "@tensorflow/tfjs"

/** Narrower panels save no more arithmetic than their calls cost. */
const panelWidth = 192

/** X^T X, `[n, n]`, for X `[rows, n]`. Inside a tensor program. */
export const gram = (x: tf.Tensor2D): tf.Tensor2D => {
  const [rows, n] = x.shape
  const count = Math.max(1, Math.round(n / panelWidth))
  const bounds = Array.from({ length: count + 1 }, (_, p) => Math.round((p * n) / count))
  const panels = Array.from({ length: count }, (_, p) =>
    count === 1 ? x : tf.slice(x, [0, bounds[p]!], [rows, bounds[p + 1]! - bounds[p]!])
  )
  const blocks: Array<Array<tf.Tensor2D>> = panels.map((_) => [])
  for (const [i, left] of panels.entries()) {
    const transposed = tf.transpose(left)
    for (let j = 0; j <= i; j++) {
      const block: tf.Tensor2D = tf.matMul(transposed, panels[j]!)
      blocks[i]![j] = block
      if (j < i) blocks[j]![i] = tf.transpose(block)
    }
  }
  return tf.concat(
    blocks.map((row) => (row.length === 1 ? row[0]! : tf.concat(row, 1))),
    0
  )
}
