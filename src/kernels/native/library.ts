/**
 * A BLAS with LAPACK on this machine, opened through koffi, an optional package: OpenBLAS, MKL or Accelerate.
 *
 * All integers are 32 bits (LP64), and one thread computes unless more are asked for: two threads that wait for each other spin, and
 * lose more than they win where something else runs too.
 */

/** What is used of koffi. */
interface Koffi {
  readonly load: (path: string) => {
    readonly func: (signature: string) => (...args: ReadonlyArray<unknown>) => unknown
  }
}

type Array64 = Float64Array
type Array32 = Float32Array

type Gemm<A> = (
  order: number,
  transposeA: number,
  transposeB: number,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: A,
  lda: number,
  b: A,
  ldb: number,
  beta: number,
  c: A,
  ldc: number
) => void

type Syrk<A> = (
  order: number,
  triangle: number,
  transpose: number,
  n: number,
  k: number,
  alpha: number,
  a: A,
  lda: number,
  beta: number,
  c: A,
  ldc: number
) => void

type Trsm<A> = (
  order: number,
  side: number,
  triangle: number,
  transpose: number,
  diagonal: number,
  m: number,
  n: number,
  alpha: number,
  a: A,
  lda: number,
  b: A,
  ldb: number
) => void

type Triangle<A> = (uplo: string, n: Int32Array, a: A, lda: Int32Array, info: Int32Array) => void

type Eigen<A> = (
  jobz: string,
  uplo: string,
  n: Int32Array,
  a: A,
  lda: Int32Array,
  w: A,
  work: A,
  lwork: Int32Array,
  iwork: Int32Array,
  liwork: Int32Array,
  info: Int32Array
) => void

/** The routines, with LAPACK's and the CBLAS's own arguments: matrices of LAPACK are column-major. */
export interface Library {
  /** Where it was found, such as `"libopenblas.so.0"`. */
  readonly name: string
  /** How many threads a routine uses from now on. Accelerate has no such setting, and takes what the machine has. */
  readonly setThreads: (threads: number) => void
  readonly sgemm: Gemm<Array32>
  readonly dgemm: Gemm<Array64>
  readonly ssyrk: Syrk<Array32>
  readonly dsyrk: Syrk<Array64>
  readonly strsm: Trsm<Array32>
  readonly dtrsm: Trsm<Array64>
  readonly spotrf: Triangle<Array32>
  readonly dpotrf: Triangle<Array64>
  readonly spotri: Triangle<Array32>
  readonly dpotri: Triangle<Array64>
  readonly ssyevd: Eigen<Array32>
  readonly dsyevd: Eigen<Array64>
}

/** Names that a BLAS with LAPACK goes by, the fastest first, and how each is told its number of threads. */
const candidates: Readonly<Record<string, ReadonlyArray<string>>> = {
  linux: ["libopenblas.so.0", "libopenblas.so", "libmkl_rt.so.2", "libmkl_rt.so"],
  darwin: [
    "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
    "libopenblas.dylib",
    "/System/Library/Frameworks/Accelerate.framework/Accelerate"
  ],
  win32: ["libopenblas.dll", "openblas.dll", "mkl_rt.2.dll"]
}

/** Why there is no library, with what to do about it. */
export class NoLibrary extends Error {}

// A parameter, which no bundler for the browser takes for a literal and looks for.
const koffiOf = async (name = "koffi"): Promise<Koffi> => {
  try {
    const loaded = (await import(name)) as { readonly default?: Koffi } & Koffi
    return loaded.default ?? loaded
  } catch {
    throw new NoLibrary("the package koffi is not installed. Run `npm install koffi`")
  }
}

/** Opens the first library that is there. *Rejects*: `NoLibrary`. */
export const open = async (): Promise<Library> => {
  const koffi = await koffiOf()
  const names = candidates[process.platform] ?? []
  const failures: Array<string> = []
  for (const name of names) {
    try {
      return opened(koffi, name)
    } catch (cause) {
      failures.push(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`)
    }
  }
  throw new NoLibrary(
    `no BLAS was found (${failures.join("; ") || `none is known for ${process.platform}`}). ` +
      "Install OpenBLAS, such as Debian's libopenblas0-pthread"
  )
}

const opened = (koffi: Koffi, name: string): Library => {
  const library = koffi.load(name)
  const gemm = (letter: string, real: string) =>
    library.func(
      `void cblas_${letter}gemm(int, int, int, int, int, int, ${real}, const ${real} *, int, const ${real} *, int, ${real}, ${real} *, int)`
    )
  const syrk = (letter: string, real: string) =>
    library.func(
      `void cblas_${letter}syrk(int, int, int, int, int, ${real}, const ${real} *, int, ${real}, ${real} *, int)`
    )
  const trsm = (letter: string, real: string) =>
    library.func(
      `void cblas_${letter}trsm(int, int, int, int, int, int, int, ${real}, const ${real} *, int, ${real} *, int)`
    )
  const cholesky = (routine: string, real: string) =>
    library.func(`void ${routine}_(const char *, const int *, ${real} *, const int *, int *)`)
  const eigen = (routine: string, real: string) =>
    library.func(
      `void ${routine}_(const char *, const char *, const int *, ${real} *, const int *, ${real} *, ${real} *, const int *, int *, const int *, int *)`
    )
  return {
    name,
    setThreads: threadSetter(library),
    sgemm: gemm("s", "float"),
    dgemm: gemm("d", "double"),
    ssyrk: syrk("s", "float"),
    dsyrk: syrk("d", "double"),
    strsm: trsm("s", "float"),
    dtrsm: trsm("d", "double"),
    spotrf: cholesky("spotrf", "float"),
    dpotrf: cholesky("dpotrf", "double"),
    spotri: cholesky("spotri", "float"),
    dpotri: cholesky("dpotri", "double"),
    ssyevd: eigen("ssyevd", "float"),
    dsyevd: eigen("dsyevd", "double")
  }
}

const threadSetter = (library: ReturnType<Koffi["load"]>): Library["setThreads"] => {
  for (const setter of ["openblas_set_num_threads", "MKL_Set_Num_Threads"]) {
    try {
      return library.func(`void ${setter}(int)`) as Library["setThreads"]
    } catch {
      // It is the other's, or neither's.
    }
  }
  return () => undefined
}
