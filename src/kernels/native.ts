/**
 * The dense arithmetic through a BLAS with LAPACK of this machine.
 *
 * LAPACK's matrices are column-major, ours row-major: a symmetric matrix is the same either way, with its triangles exchanged, and the
 * Cholesky factor L of ours is LAPACK's U.
 *
 * *Source*: Anderson et al. 1999, LAPACK Users' Guide (potrf, potri, syevd).
 */
import type { Gemm, Kernels, Real, Syrk } from "./Kernels.ts"
import type { Library } from "./native/library.ts"
import { packLower } from "./packed.ts"
import { mirrorLower } from "./reference/panels.ts"
import { requireLength, requireOnePrecision, requireSizes, requireSyrk } from "./reference/require.ts"
import { reference } from "./reference.ts"

const rowMajor = 101
const plain = 111
const transposed = 112
const lower = 122
const left = 141
const nonUnit = 131

const one = (value: number): Int32Array => Int32Array.of(value)

const single = (arrays: ReadonlyArray<Real>): arrays is ReadonlyArray<Float32Array> =>
  arrays.every((array) => array instanceof Float32Array)

const double = (arrays: ReadonlyArray<Real>): arrays is ReadonlyArray<Float64Array> =>
  arrays.every((array) => array instanceof Float64Array)

/** The kernels of a library. Operands of two precisions, which it has no routine for, go to the reference. */
export const native = (library: Library): Kernels => ({
  name: `native (${library.name})`,
  gemm: (p) => gemm(library, p),
  syrk: (p) => syrk(library, p),
  cholesky: ({ a, n }) => {
    requireSizes("cholesky", { n })
    requireLength("cholesky", "a", a, n * n)
    if (n === 0) return -1
    if (a instanceof Float32Array) library.spotrf("U", one(n), a, one(n), new Int32Array(1))
    else library.dpotrf("U", one(n), a, one(n), new Int32Array(1))
    // A pivot that is NaN or infinite does not stop every library, and stays where it was met.
    for (let i = 0; i < n; i++) {
      const pivot = a[i * n + i]!
      if (!(pivot > 0 && pivot < Number.POSITIVE_INFINITY)) return i
    }
    for (let i = 0; i < n; i++) a.fill(0, i * n + i + 1, (i + 1) * n)
    return -1
  },
  choleskySolve: ({ b, columns, l, n }) => {
    requireSizes("choleskySolve", { n, columns })
    requireLength("choleskySolve", "l", l, n * n)
    requireLength("choleskySolve", "b", b, n * columns)
    requireOnePrecision("choleskySolve", { l, b })
    if (n === 0 || columns === 0) return
    for (const transpose of [plain, transposed]) {
      if (l instanceof Float32Array && b instanceof Float32Array) {
        library.strsm(rowMajor, left, lower, transpose, nonUnit, n, columns, 1, l, n, b, columns)
      } else if (l instanceof Float64Array && b instanceof Float64Array) {
        library.dtrsm(rowMajor, left, lower, transpose, nonUnit, n, columns, 1, l, n, b, columns)
      }
    }
  },
  choleskyInverse: ({ l, n, out }) => {
    requireSizes("choleskyInverse", { n })
    requireLength("choleskyInverse", "l", l, n * n)
    requireLength("choleskyInverse", "out", out, n * n)
    requireOnePrecision("choleskyInverse", { l, out })
    if (n === 0) return
    out.set(l.subarray(0, n * n))
    if (out instanceof Float32Array) library.spotri("U", one(n), out, one(n), new Int32Array(1))
    else library.dpotri("U", one(n), out, one(n), new Int32Array(1))
    mirrorLower(n, out)
  },
  symmetricEigen: ({ a, n, values, vectors }) => {
    requireSizes("symmetricEigen", { n })
    requireLength("symmetricEigen", "a", a, n * n)
    requireLength("symmetricEigen", "values", values, n)
    if (n === 0) return true
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) if (!Number.isFinite(a[i * n + j]!)) return false
    }
    const [work, iwork] = vectors ? [1 + 6 * n + 2 * n * n, 3 + 5 * n] : [1 + 2 * n, 1]
    const rest = [one(work), new Int32Array(iwork), one(iwork)] as const
    const info = new Int32Array(1)
    const job = vectors ? "V" : "N"
    if (a instanceof Float32Array) {
      const found = new Float32Array(n)
      library.ssyevd(job, "U", one(n), a, one(n), found, new Float32Array(work), ...rest, info)
      values.set(found)
    } else library.dsyevd(job, "U", one(n), a, one(n), values, new Float64Array(work), ...rest, info)
    if (info[0] !== 0) return false
    if (vectors) transposeInPlace(n, a)
    return true
  }
})

const gemm = (library: Library, p: Gemm): void => {
  const { a, b, k, m, n, out } = p
  requireSizes("gemm", { m, n, k })
  requireLength("gemm", "a", a, m * k)
  requireLength("gemm", "b", b, k * n)
  requireLength("gemm", "out", out, m * n)
  if (m === 0 || n === 0) return
  if (k === 0) return void out.fill(0, 0, m * n)
  const arrays = [a, b, out]
  const flag = (transpose: boolean | undefined) => (transpose === true ? transposed : plain)
  const lda = p.transposeA === true ? m : k
  const ldb = p.transposeB === true ? k : n
  if (single(arrays)) {
    const [x, y, z] = arrays as [Float32Array, Float32Array, Float32Array]
    library.sgemm(rowMajor, flag(p.transposeA), flag(p.transposeB), m, n, k, 1, x, lda, y, ldb, 0, z, n)
  } else if (double(arrays)) {
    const [x, y, z] = arrays as [Float64Array, Float64Array, Float64Array]
    library.dgemm(rowMajor, flag(p.transposeA), flag(p.transposeB), m, n, k, 1, x, lda, y, ldb, 0, z, n)
  } else reference.gemm(p)
}

const syrk = (library: Library, p: Syrk): void => {
  const { a, n, out, rows } = p
  const length = requireSyrk(p)
  if (rows === 0 || n === 0) out.fill(0, 0, length)
  else if (a.BYTES_PER_ELEMENT !== out.BYTES_PER_ELEMENT) reference.syrk(p)
  else if (p.storage === "packed") {
    // No routine writes a packed triangle at the speed of a product.
    const whole = out instanceof Float32Array ? new Float32Array(n * n) : new Float64Array(n * n)
    lowerSyrk(library, n, rows, a, whole)
    packLower(n, whole, 0, 0)
    out.set(whole.subarray(0, length))
  } else {
    lowerSyrk(library, n, rows, a, out)
    mirrorLower(n, out)
  }
}

/** The lower triangle of c = a^T a. */
const lowerSyrk = (library: Library, n: number, rows: number, a: Real, c: Real): void => {
  if (a instanceof Float32Array && c instanceof Float32Array) {
    library.ssyrk(rowMajor, lower, transposed, n, rows, 1, a, n, 0, c, n)
  } else if (a instanceof Float64Array && c instanceof Float64Array) {
    library.dsyrk(rowMajor, lower, transposed, n, rows, 1, a, n, 0, c, n)
  }
}

const transposeInPlace = (n: number, a: Real): void => {
  const side = 32
  for (let ib = 0; ib < n; ib += side) {
    for (let jb = 0; jb <= ib; jb += side) {
      for (let i = ib; i < Math.min(n, ib + side); i++) {
        for (let j = jb; j < Math.min(i, jb + side); j++) {
          const kept = a[i * n + j]!
          a[i * n + j] = a[j * n + i]!
          a[j * n + i] = kept
        }
      }
    }
  }
}
