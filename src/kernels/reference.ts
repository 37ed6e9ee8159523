/**
 * The reference kernels: plain TypeScript, no dependency, runs anywhere. Everything is computed in float64.
 *
 * Other implementations are tested against this one, and it serves where no other is there.
 */
import type { Kernels } from "./Kernels.ts"
import { cholesky } from "./reference/cholesky.ts"
import { choleskyInverse } from "./reference/choleskyInverse.ts"
import { choleskySolve } from "./reference/choleskySolve.ts"
import { symmetricEigen } from "./reference/eigen.ts"
import { gemm } from "./reference/gemm.ts"
import { syrk } from "./reference/syrk.ts"

/** Plain TypeScript kernels. */
export const reference: Kernels = {
  name: "reference",
  gemm,
  syrk,
  cholesky,
  choleskySolve,
  choleskyInverse,
  symmetricEigen
}
