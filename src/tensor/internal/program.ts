/** One synchronous tensor program: what it keeps, and nothing else, outlives it. */
import * as tf from "@tensorflow/tfjs"
import { TensorFailure } from "../../Errors.ts"

/** Marks a tensor as one that outlives its program; returns it. */
export type Keep = <T extends tf.Tensor>(tensor: T) => T

export const failure =
  (stage: string) =>
  (cause: unknown): TensorFailure =>
    new TensorFailure({
      stage,
      cause,
      message: `The tensor program of stage "${stage}" threw: ${String(cause)}.`
    })

/** What a program returns, and the tensors that it kept; when it throws, none is left. */
export const runProgram = <A>(
  program: (keep: Keep) => A
): { readonly result: A; readonly kept: Array<tf.Tensor> } => {
  const kept: Array<tf.Tensor> = []
  const keep: Keep = (tensor) => {
    kept.push(tf.keep(tensor))
    return tensor
  }
  let result: A
  const tape = recordKept()
  try {
    // Nothing is returned through `tidy`: it walks what it is given, and steps through a typed array number by number.
    tf.tidy(() => {
      result = program(keep)
    })
    if (isPromise(result!))
      throw new Error("a tensor program returned a promise: its tensors would be freed under it")
  } catch (cause) {
    kept.length = 0
    throw cause
  } finally {
    const owned = new Set<tf.Tensor>(kept)
    tf.dispose(tape.stop().filter((tensor) => !owned.has(tensor)))
  }
  return { result: result!, kept }
}

const isPromise = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"

/**
 * Records what is kept, by the program and by tfjs itself: its gradient functions keep clones for their tape, and forget them when
 * what they differentiate throws. The only way to free those is to have seen them.
 */
const recordKept = (): { readonly stop: () => ReadonlyArray<tf.Tensor> } => {
  const engine = tf.engine()
  const shipped = engine.keep
  const tensors: Array<tf.Tensor> = []
  engine.keep = (tensor) => {
    tensors.push(tensor)
    return shipped.call(engine, tensor) as typeof tensor
  }
  return {
    stop: () => {
      engine.keep = shipped
      return tensors
    }
  }
}
