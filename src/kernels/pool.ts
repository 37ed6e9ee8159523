/**
 * The WebAssembly kernels on several threads: the caller's, and workers that share a memory with it.
 *
 * The result has the bits of one thread, whatever the number of threads: an entry is summed by one thread, in the same order. Operands are
 * copied into the shared memory and results out of it. Where there is no memory for a call, and once a worker did not come back from its
 * task, one thread computes in a memory of its own.
 */
import type { Gemm, Kernels, Real, Syrk } from "./Kernels.ts"
import { Lost } from "./pool/board.ts"
import { share } from "./pool/shared.ts"
import { compileShared, fusedWorks, kernelsOn } from "./wasm.ts"

export { NoThreads } from "./pool/worker.ts"

export interface PoolOptions {
  /** How many threads compute, with the caller's. More than there are cores gain nothing. */
  readonly threads: number
  /** The kernels of one thread, for what several would not do faster. */
  readonly single: Kernels
  /** Whether multiply-adds are fused, as they must be in `single` for the same bits. What the engine has, unless given. */
  readonly fused?: boolean
  /** Multiplications in float32 that are worth a task for another thread. */
  readonly grain?: number
  /** Milliseconds after which a worker that took a task is given up. */
  readonly patience?: number
  /** The program of the workers. */
  readonly program?: string
}

export interface Pool {
  readonly threads: number
  readonly kernels: Kernels
  /** `Kernels.gemm` by all threads; false, and nothing done, where one in place is faster, or there is no memory. */
  readonly gemm: (p: Gemm) => boolean
  /** `Kernels.syrk`, as `gemm`. */
  readonly syrk: (p: Syrk) => boolean
  /** Ends the workers. The kernels go on with one thread. */
  readonly close: () => Promise<void>
}

/** Some 50 us of products: several times what it takes to wake a thread. */
const defaultGrain = 2 ** 20

const defaultPatience = 5000

/** A call on several threads could not be done by them. */
class NotDone extends Error {}

/** Starts `threads` - 1 workers. *Rejects*: `NoThreads`, which says what is missing. */
export const openPool = async (options: PoolOptions): Promise<Pool> => {
  const { fused = fusedWorks(), grain = defaultGrain, patience = defaultPatience, single, threads } = options
  const module = await compileShared(fused)
  const { program } = options
  const shared = await share(module, {
    threads,
    grain,
    patience,
    ...(program === undefined ? {} : { program })
  })
  const all = kernelsOn(shared.arena, notDone)
  let ended: Promise<void> | undefined
  const end = (): Promise<void> => (ended ??= shared.end())
  /** What all threads compute, or what `otherwise` does. */
  const attempt = <A>(worth: boolean, run: (kernels: Kernels) => A, otherwise: () => A): A => {
    if (!worth || ended !== undefined) return otherwise()
    try {
      return run(all)
    } catch (cause) {
      if (cause instanceof Lost) void end()
      else if (!(cause instanceof NotDone)) throw cause
      return otherwise()
    }
  }
  const least = leastOf(grain)
  const gemm = (p: Gemm): boolean =>
    attempt(
      least.product(p.m * p.n * p.k, p.m * p.k + p.k * p.n + p.m * p.n),
      ({ gemm }) => (gemm(p), true),
      () => false
    )
  const syrk = (p: Syrk): boolean =>
    attempt(
      least.product((p.n * p.n * p.rows) / 2, p.n * p.rows + p.n * p.n),
      ({ syrk }) => (syrk(p), true),
      () => false
    )
  return {
    threads,
    gemm,
    syrk,
    close: end,
    kernels: {
      name: single.name,
      gemm: (p) => void (gemm(p) || single.gemm(p)),
      syrk: (p) => void (syrk(p) || single.syrk(p)),
      cholesky: (p) =>
        attempt(
          least.cholesky(p.n, p.a),
          ({ cholesky }) => cholesky(p),
          () => single.cholesky(p)
        ),
      choleskySolve: (p) =>
        attempt(
          least.choleskySolve(p.n, p.columns, p.b),
          ({ choleskySolve }) => choleskySolve(p),
          () => single.choleskySolve(p)
        ),
      choleskyInverse: (p) =>
        attempt(
          least.choleskyInverse(p.n, p.out),
          ({ choleskyInverse }) => choleskyInverse(p),
          () => single.choleskyInverse(p)
        ),
      symmetricEigen: (p) =>
        attempt(
          p.vectors && least.eigenvectors(p.n),
          ({ symmetricEigen }) => symmetricEigen(p),
          () => single.symmetricEigen(p)
        )
    }
  }
}

/**
 * Where several threads pay: less to do than waking them costs, or too little for each number that is copied, is done by one. Measured on
 * two (docs/decisions/0009-worker-pool.md).
 */
const leastOf = (grain: number) => ({
  product: (multiplications: number, moves: number): boolean =>
    multiplications >= 4 * grain && multiplications >= Math.min(32, grain) * moves,
  cholesky: (n: number, a: Real): boolean => n ** 3 * costOf(a) >= 128 * grain,
  choleskySolve: (n: number, columns: number, b: Real): boolean =>
    columns >= 8 && n * n * columns * costOf(b) >= 12 * grain,
  choleskyInverse: (n: number, out: Real): boolean => n ** 3 * costOf(out) >= 24 * grain,
  eigenvectors: (n: number): boolean => n ** 3 >= 16 * grain
})

/** Of one operation, where that in float64 is 1. */
const costOf = ({ BYTES_PER_ELEMENT }: Real): number => BYTES_PER_ELEMENT / 8

const refuse = (): never => {
  throw new NotDone()
}

/** In place of kernels for a call that there is no memory for. */
const notDone: Kernels = {
  name: "none",
  gemm: refuse,
  syrk: refuse,
  cholesky: refuse,
  choleskySolve: refuse,
  choleskyInverse: refuse,
  symmetricEigen: refuse
}
