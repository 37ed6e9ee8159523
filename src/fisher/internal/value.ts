import type { Kernels } from "../../kernels/Kernels.ts"
import type { ParamSpace } from "../../model/ParamSpace.ts"
import type { Operation, Operations, Structure } from "../Structure.ts"

/** `Op` is what its structure can do; an operation that is not among it does not compile. */
export interface Fisher<S extends string, Op extends Operation> {
  readonly space: ParamSpace<S>
  readonly structure: Structure<Op>
  /** How many examples it is the mean of (a weight, for a moving average). */
  readonly examples: number
  /** The mean moments of the structure; of a symmetric matrix the lower triangle, row by row (`Structure.unpacked`). Never written to. */
  readonly means: ReadonlyArray<Float32Array>
  /** The arithmetic that the operations use. */
  readonly kernels: Kernels
  readonly operations: Pick<Operations, Op>
}

/** The Fisher of these mean moments. */
export const make = <S extends string, Op extends Operation>(
  parts: Omit<Fisher<S, Op>, "operations">
): Fisher<S, Op> => ({ ...parts, operations: parts.structure.operations(parts) })
