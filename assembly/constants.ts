import { erfConstants } from "./erf"
import { exponentialConstants } from "./exponential"
import { logarithmConstants } from "./logarithm"

/** Fills the globals of the elementwise kernels. To be called once, before any of them. */
export function fillConstants(): void {
  exponentialConstants()
  logarithmConstants()
  erfConstants()
}
