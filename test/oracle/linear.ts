/**
 * Dense linear algebra in float64 on plain arrays: the textbook loop for each operation and nothing faster.
 * A matrix is a list of rows. Results are fresh `Float64Array`s; arguments are never written to.
 */
export type Vector = ArrayLike<number>
export type Matrix = ReadonlyArray<Vector>
export type Rows = Array<Float64Array>

export const zeros = (rows: number, columns: number): Rows =>
  Array.from({ length: rows }, () => new Float64Array(columns))

export const tabulate = (rows: number, columns: number, entry: (i: number, j: number) => number): Rows =>
  Array.from({ length: rows }, (_, i) => Float64Array.from({ length: columns }, (_, j) => entry(i, j)))

export const identity = (n: number): Rows => tabulate(n, n, (i, j) => (i === j ? 1 : 0))

export const columnsOf = (a: Matrix): number => a[0]?.length ?? 0

/** Row-major. */
export const flatten = (a: Matrix): Float64Array => Float64Array.from(a.flatMap((row) => Array.from(row)))

export const transpose = (a: Matrix): Rows => tabulate(columnsOf(a), a.length, (i, j) => a[j]![i]!)

export const dot = (a: Vector, b: Vector): number => {
  if (a.length !== b.length) throw new RangeError(`dot: lengths ${a.length} and ${b.length}`)
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

/** The Euclidean norm of a vector. */
export const norm = (a: Vector): number => Math.sqrt(dot(a, a))

/** The Frobenius norm of a matrix. */
export const frobenius = (a: Matrix): number => norm(flatten(a))

export const trace = (a: Matrix): number => a.reduce((sum, row, i) => sum + row[i]!, 0)

export const diagonal = (a: Matrix): Float64Array => Float64Array.from(a, (row, i) => row[i]!)

/** a + c b, for vectors. */
export const axpy = (a: Vector, c: number, b: Vector): Float64Array => {
  const sum = new Float64Array(a.length)
  for (let i = 0; i < sum.length; i++) sum[i] = a[i]! + c * b[i]!
  return sum
}

/** a + c b, for matrices. */
export const addScaled = (a: Matrix, c: number, b: Matrix): Rows => a.map((row, i) => axpy(row, c, b[i]!))

export const scale = (c: number, a: Matrix): Rows => a.map((row) => Float64Array.from(row, (v) => c * v))

export const matvec = (a: Matrix, v: Vector): Float64Array => Float64Array.from(a, (row) => dot(row, v))

export const matmul = (a: Matrix, b: Matrix): Rows => {
  const columns = transpose(b)
  return a.map((row) => matvec(columns, row))
}

/** a^T m a for a symmetric m, exactly symmetric. */
export const congruence = (a: Matrix, m: Matrix): Rows => {
  const n = columnsOf(a)
  const ma = matmul(m, a)
  const total = zeros(n, n)
  for (let c = 0; c < a.length; c++) {
    const [left, right] = [a[c]!, ma[c]!]
    for (let i = 0; i < n; i++) {
      const row = total[i]!
      for (let j = 0; j <= i; j++) row[j]! += left[i]! * right[j]!
    }
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) total[j]![i] = total[i]![j]!
  return total
}

/** m <- m + weight u u^T. */
export const addOuter = (m: Rows, weight: number, u: Vector): void => {
  for (let i = 0; i < u.length; i++) {
    const a = weight * u[i]!
    const row = m[i]!
    for (let j = 0; j < u.length; j++) row[j]! += a * u[j]!
  }
}

/** (1/n) (at(0) + ... + at(n - 1)), for matrices of one shape. */
export const meanMatrix = (n: number, at: (index: number) => Matrix): Rows => {
  let total = scale(1 / n, at(0))
  for (let index = 1; index < n; index++) total = addScaled(total, 1 / n, at(index))
  return total
}

/** The Kronecker product: block (i, j) is a[i][j] b. */
export const kron = (a: Matrix, b: Matrix): Rows => {
  const rows = b.length
  const columns = columnsOf(b)
  const entry = (i: number, j: number) =>
    a[Math.floor(i / rows)]![Math.floor(j / columns)]! * b[i % rows]![j % columns]!
  return tabulate(a.length * rows, columnsOf(a) * columns, entry)
}

/** The x with a x = b, by Gaussian elimination with partial pivoting. Throws when a pivot is exactly zero. */
export const solve = (a: Matrix, b: Vector): Float64Array => {
  const n = a.length
  const m = a.map((row, i) => Float64Array.from([...Array.from(row), b[i]!]))
  for (let k = 0; k < n; k++) {
    let pivot = k
    for (let i = k + 1; i < n; i++) if (Math.abs(m[i]![k]!) > Math.abs(m[pivot]![k]!)) pivot = i
    const row = m[pivot]!
    m[pivot] = m[k]!
    m[k] = row
    if (row[k] === 0) throw new RangeError(`solve: no pivot in column ${k}`)
    for (let i = k + 1; i < n; i++) {
      const factor = m[i]![k]! / row[k]!
      for (let j = k; j <= n; j++) m[i]![j]! -= factor * row[j]!
    }
  }
  const x = new Float64Array(n)
  for (let i = n - 1; i >= 0; i--) {
    let sum = m[i]![n]!
    for (let j = i + 1; j < n; j++) sum -= m[i]![j]! * x[j]!
    x[i] = sum / m[i]![i]!
  }
  return x
}

/** The X with a X = b, column by column. */
export const solveMatrix = (a: Matrix, b: Matrix): Rows =>
  transpose(transpose(b).map((column) => solve(a, column)))

/**
 * The eigenvalues of a symmetric matrix, ascending, and its eigenvectors, the columns of `vectors` in the
 * same order. Jacobi sweeps until every entry off the diagonal is rounding.
 */
export const eigen = (a: Matrix): { readonly values: Float64Array; readonly vectors: Rows } => {
  const n = a.length
  const m = a.map((row) => Float64Array.from(row))
  const q = identity(n)
  const negligible = (frobenius(a) * 2 ** -53) / n
  let rotations = 1
  for (let sweep = 0; sweep < 60 && rotations > 0; sweep++) {
    rotations = 0
    for (let i = 0; i < n; i++) {
      for (let j = i + 1; j < n; j++) {
        if (Math.abs(m[i]![j]!) <= negligible) continue
        rotate(m, q, i, j)
        rotations++
      }
    }
  }
  const order = Array.from(m.keys()).sort((i, j) => m[i]![i]! - m[j]![j]!)
  const values = Float64Array.from(order, (k) => m[k]![k]!)
  return { values, vectors: q.map((row) => Float64Array.from(order, (k) => row[k]!)) }
}

/** One Jacobi rotation R of the plane (i, j): q <- q R and m <- R^T m R, after which m[i][j] = 0. */
const rotate = (m: Rows, q: Rows, i: number, j: number): void => {
  const tau = (m[j]![j]! - m[i]![i]!) / (2 * m[i]![j]!)
  const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau))
  const c = 1 / Math.sqrt(1 + t * t)
  const s = t * c
  const turn = (a: Float64Array, p: number, b: Float64Array, r: number) => {
    const x = a[p]!
    const y = b[r]!
    a[p] = c * x - s * y
    b[r] = s * x + c * y
  }
  for (const row of m) turn(row, i, row, j)
  for (const row of q) turn(row, i, row, j)
  for (let k = 0; k < m.length; k++) turn(m[i]!, k, m[j]!, k)
  m[i]![j] = 0
  m[j]![i] = 0
}

/** The eigenvalues of a symmetric matrix, ascending. */
export const eigenvalues = (a: Matrix): Float64Array => eigen(a).values

/** The least-squares slope of log|y| against log x. */
export const slope = (xs: Vector, ys: Vector): number => {
  const u = Array.from(xs, (x) => Math.log(x))
  const v = Array.from(ys, (y) => Math.log(Math.abs(y)))
  const mean = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0) / values.length
  const [mu, mv] = [mean(u), mean(v)]
  const covariance = u.reduce((sum, x, i) => sum + (x - mu) * (v[i]! - mv), 0)
  return covariance / u.reduce((sum, x) => sum + (x - mu) ** 2, 0)
}

const isMatrix = (a: Vector | Matrix): a is Matrix => typeof a[0] === "object"
const entries = (a: number | Vector | Matrix): Vector =>
  typeof a === "number" ? [a] : isMatrix(a) ? flatten(a) : a

/** |a - b| / |b| over all entries. Infinity when any entry is not finite, or when b = 0 and a is not. */
export const relativeError = (a: number | Vector | Matrix, b: number | Vector | Matrix): number => {
  const [u, v] = [entries(a), entries(b)]
  if (u.length !== v.length) throw new RangeError(`relativeError: ${u.length} against ${v.length} entries`)
  const error = norm(axpy(u, -1, v))
  const ratio = error === 0 ? 0 : error / norm(v)
  return Array.from(u).every(Number.isFinite) && Array.from(v).every(Number.isFinite) ? ratio : Infinity
}
