/** Kernels that count their calls. */
import type { Kernels } from "../../src/kernels/Kernels.ts"
import { reference } from "../../src/kernels/reference.ts"

/** The reference kernels, and how often each was called. */
export const countingKernels = (): {
  readonly kernels: Kernels
  readonly calls: (name: keyof Kernels) => number
} => {
  const counts = new Map<string, number>()
  const counted = Object.entries(reference).map(([name, kernel]) => [
    name,
    typeof kernel !== "function"
      ? kernel
      : (options: never) => {
          counts.set(name, (counts.get(name) ?? 0) + 1)
          return (kernel as (options: never) => unknown)(options)
        }
  ])
  return {
    kernels: Object.fromEntries(counted) as Kernels,
    calls: (name) => counts.get(name) ?? 0
  }
}
