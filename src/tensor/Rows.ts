/** Tensor programs row by row: for what would be too much for all rows at once. */
import * as tf from "@tensorflow/tfjs"

/**
 * Inside a tensor program: `f` of some rows of x at a time, at most `atOnce`, the results below each other. What `f` makes on the
 * way is freed part by part.
 */
export const byRows = <A extends tf.Tensor, B extends tf.Tensor>(
  x: A,
  atOnce: number,
  f: (rows: A) => B
): B => {
  const rows = x.shape[0]!
  if (rows <= atOnce) return tf.tidy(() => f(x))
  const rest = x.shape.slice(1)
  const parts: Array<B> = []
  for (let from = 0; from < rows; from += atOnce) {
    const length = Math.min(atOnce, rows - from)
    parts.push(tf.tidy(() => f(tf.slice(x, [from, ...rest.map(() => 0)], [length, ...rest]))))
  }
  const whole = tf.concat(parts)
  tf.dispose(parts)
  return whole as B
}
