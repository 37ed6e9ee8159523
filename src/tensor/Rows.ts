/** Tensor programs row by row: for what would be too much for all rows at once. */
import * as tf from "@tensorflow/tfjs"

/**
 * Inside a tensor program: `part` of `[from, from + length)` for 0 to `rows`, at most `atOnce` at a time, the results joined along `axis`.
 * What a part makes on the way is freed with it.
 */
export const inParts = <B extends tf.Tensor>(
  rows: number,
  atOnce: number,
  part: (from: number, length: number) => B,
  axis = 0
): B => {
  if (rows <= atOnce) return tf.tidy(() => part(0, rows))
  const parts: Array<B> = []
  for (let from = 0; from < rows; from += atOnce) {
    const length = Math.min(atOnce, rows - from)
    parts.push(tf.tidy(() => part(from, length)))
  }
  const whole = tf.concat(parts, axis)
  tf.dispose(parts)
  return whole as B
}

/** Inside a tensor program: `f` of some rows of x at a time, at most `atOnce`, the results below each other. */
export const byRows = <A extends tf.Tensor, B extends tf.Tensor>(
  x: A,
  atOnce: number,
  f: (rows: A) => B
): B => {
  const [rows, ...rest] = x.shape
  if (rows! <= atOnce) return tf.tidy(() => f(x))
  const zeros = rest.map(() => 0)
  return inParts(rows!, atOnce, (from, length) => f(tf.slice(x, [from, ...zeros], [length, ...rest])))
}
