/** An operation of two inputs as a user would write one: their sum, with its two linear maps. */
import * as tf from "@tensorflow/tfjs"
import type { Graph, Node } from "../../src/model/Graph.ts"

/** a + b. */
export const sumOfTwo = (graph: Graph, a: Node, b: Node): Node =>
  graph.merge(
    "sum of two",
    () => ({
      output: a.shape,
      linearize: ({ inputs: [left, right] }) => ({
        output: tf.add(left!, right!),
        tape: [],
        pullback: (cotangent) => [cotangent, cotangent],
        pushforward: ([first, second]) =>
          first === undefined ? second! : second === undefined ? first : tf.add(first, second)
      })
    }),
    [a, b]
  )
