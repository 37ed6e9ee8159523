/** Tensor programs part by part: for what would be too much for all parts at once. */
import * as tf from "@tensorflow/tfjs"

/** Inside a tensor program: the tensors of each part, part after part. What `f` makes on the way is freed with its part. */
export const partByPart = <A>(
  parts: ReadonlyArray<A>,
  f: (part: A) => ReadonlyArray<tf.Tensor>
): ReadonlyArray<tf.Tensor> => parts.flatMap((part) => tf.tidy(() => [...f(part)]))
