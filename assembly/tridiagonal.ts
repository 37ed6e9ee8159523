/**
 * Householder reduction of a symmetric matrix to tridiagonal form, one pass over the matrix for each vector.
 *
 * *Math* for i = n-1 .. 1 the vector u_i in the first i coordinates maps row i of the active matrix onto its last entry; H_i = I -
 * u_i u_i^T / h_i, and A <- H_i A H_i is the rank-two update A - u q^T - q u^T with q = A u / h - (u^T A u / 2 h^2) u. The update
 * waits until the next vector v is known, which takes row i - 1 alone, and is then done in the same pass as A v: each number of A
 * moves once for eight operations.
 * *Source* Martin, Reinsch and Wilkinson, Householder's tridiagonalization of a symmetric matrix, 1968.
 */
import { addProduct, at, subtractProduct } from "./vector"

/** Numbers of scratch that `tridiagonalise` needs for each row. */
export const tridiagonalWork: i32 = 4

/**
 * Reduces the lower triangle of `a`, whose row i becomes u_i; `h` gets h_i, or 0 where H_i is the identity. Entry i of `e` couples
 * rows i and i + 1. Entries of order 1 are due: the squares must not overflow.
 */
export function tridiagonalise(n: i32, a: usize, d: usize, e: usize, h: usize, work: usize): void {
  let u = work
  let q = at<f64>(u, n)
  let v = at<f64>(q, n)
  let w = at<f64>(v, n)
  memory.fill(work, 0, <usize>(tridiagonalWork * n) * 8)
  store<f64>(h, 0)
  store<f64>(at<f64>(e, n - 1), 0)
  for (let i = n - 1; i > 0; i--) {
    const row = at<f64>(a, i * n)
    updateRow(row, i + 1, u, q, load<f64>(at<f64>(u, i)), load<f64>(at<f64>(q, i)))
    store<f64>(at<f64>(d, i), load<f64>(at<f64>(row, i)))
    const hi = reflect(row, i, v, at<f64>(e, i - 1))
    store<f64>(at<f64>(h, i), hi)
    updateAndMultiply(n, i, a, u, q, v, w)
    if (hi !== 0) finish(i, hi, v, w)
    let held = u
    u = v
    v = held
    held = q
    q = w
    w = held
  }
  store<f64>(d, load<f64>(a) - 2 * load<f64>(u) * load<f64>(q))
}

/** a_j -= f q_j + g u_j for the first `count` numbers of a row. */
function updateRow(row: usize, count: i32, u: usize, q: usize, f: f64, g: f64): void {
  const vf = f64x2.splat(f)
  const vg = f64x2.splat(g)
  let j = 0
  for (; j + 2 <= count; j += 2) {
    const to = at<f64>(row, j)
    const x = subtractProduct<f64>(v128.load(to), vf, v128.load(at<f64>(q, j)))
    v128.store(to, subtractProduct<f64>(x, vg, v128.load(at<f64>(u, j))))
  }
  if (j < count) {
    const to = at<f64>(row, j)
    store<f64>(to, load<f64>(to) - f * load<f64>(at<f64>(q, j)) - g * load<f64>(at<f64>(u, j)))
  }
}

/**
 * Turns the first `count` numbers of a row into u, copied to `u`, and sets the coupling they reduce to. Returns h = u^T u / 2, or 0
 * with u = 0 when all but the last are 0 already.
 */
function reflect(row: usize, count: i32, u: usize, coupling: usize): f64 {
  const last = at<f64>(row, count - 1)
  const f = load<f64>(last)
  let scale: f64 = 0
  for (let p = row; p < last; p += 8) scale = max(scale, abs(load<f64>(p)))
  store<f64>(coupling, f)
  if (scale === 0) {
    memory.fill(u, 0, <usize>count * 8)
    return 0
  }
  // u is only defined up to a factor, so it is scaled to order 1: a row of 1e-200 would otherwise square to 0.
  scale = max(scale, abs(f))
  let squares: f64 = 0
  for (let j = 0; j < count; j++) {
    const x = load<f64>(at<f64>(row, j)) / scale
    store<f64>(at<f64>(u, j), x)
    squares += x * x
  }
  // The sign that adds to the last entry: no cancellation.
  const x = f / scale
  const g = x > 0 ? -sqrt(squares) : sqrt(squares)
  store<f64>(at<f64>(u, count - 1), x - g)
  memory.copy(row, u, <usize>count * 8)
  store<f64>(coupling, scale * g)
  return squares - x * g
}

/** From w = A v: q = w / h - (v^T w / 2 h^2) v, in the place of w. */
function finish(count: i32, h: f64, v: usize, w: usize): void {
  let vw: f64 = 0
  for (let j = 0; j < count; j++) {
    const to = at<f64>(w, j)
    const x = load<f64>(to) / h
    store<f64>(to, x)
    vw += load<f64>(at<f64>(v, j)) * x
  }
  const shift = vw / (2 * h)
  for (let j = 0; j < count; j++) {
    const to = at<f64>(w, j)
    store<f64>(to, load<f64>(to) - shift * load<f64>(at<f64>(v, j)))
  }
}

/** A <- A - u q^T - q u^T and w = A v, on the lower triangle of the leading `size` rows. */
function updateAndMultiply(n: i32, size: i32, a: usize, u: usize, q: usize, v: usize, w: usize): void {
  memory.fill(w, 0, <usize>size * 8)
  let i = 0
  for (; i + 2 <= size; i += 2) updateTwoRows(n, i, a, u, q, v, w)
  if (i < size) {
    const row = at<f64>(a, i * n)
    updateRow(row, size, u, q, load<f64>(at<f64>(u, i)), load<f64>(at<f64>(q, i)))
    const vi = load<f64>(at<f64>(v, i))
    let s: f64 = 0
    for (let j = 0; j < i; j++) {
      const x = load<f64>(at<f64>(row, j))
      s += x * load<f64>(at<f64>(v, j))
      store<f64>(at<f64>(w, j), load<f64>(at<f64>(w, j)) + x * vi)
    }
    store<f64>(at<f64>(w, i), s + load<f64>(at<f64>(row, i)) * vi)
  }
}

/** Rows i and i + 1, i even. */
function updateTwoRows(n: i32, i: i32, a: usize, u: usize, q: usize, v: usize, w: usize): void {
  const u0 = v128.load_splat<f64>(at<f64>(u, i))
  const u1 = v128.load_splat<f64>(at<f64>(u, i + 1))
  const q0 = v128.load_splat<f64>(at<f64>(q, i))
  const q1 = v128.load_splat<f64>(at<f64>(q, i + 1))
  const v0 = v128.load_splat<f64>(at<f64>(v, i))
  const v1 = v128.load_splat<f64>(at<f64>(v, i + 1))
  let s0 = f64x2.splat(0)
  let s1 = s0
  const a0 = at<f64>(a, i * n)
  const a1 = at<f64>(a0, n)
  const bytes = <usize>i * 8
  for (let o: usize = 0; o < bytes; o += 16) {
    const uj = v128.load(u + o)
    const qj = v128.load(q + o)
    const vj = v128.load(v + o)
    const x0 = subtractProduct<f64>(subtractProduct<f64>(v128.load(a0 + o), u0, qj), q0, uj)
    v128.store(a0 + o, x0)
    const x1 = subtractProduct<f64>(subtractProduct<f64>(v128.load(a1 + o), u1, qj), q1, uj)
    v128.store(a1 + o, x1)
    s0 = addProduct<f64>(s0, x0, vj)
    s1 = addProduct<f64>(s1, x1, vj)
    v128.store(w + o, addProduct<f64>(addProduct<f64>(v128.load(w + o), x0, v0), x1, v1))
  }
  // The 2 x 2 square on the diagonal.
  const ua = f64x2.extract_lane(u0, 0)
  const ub = f64x2.extract_lane(u1, 0)
  const qa = f64x2.extract_lane(q0, 0)
  const qb = f64x2.extract_lane(q1, 0)
  const va = f64x2.extract_lane(v0, 0)
  const vb = f64x2.extract_lane(v1, 0)
  const x00 = load<f64>(a0 + bytes) - 2 * ua * qa
  const x10 = load<f64>(a1 + bytes) - ub * qa - qb * ua
  const x11 = load<f64>(a1 + bytes, 8) - 2 * ub * qb
  store<f64>(a0 + bytes, x00)
  store<f64>(a1 + bytes, x10)
  store<f64>(a1 + bytes, x11, 8)
  store<f64>(w + bytes, f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1) + x00 * va + x10 * vb)
  store<f64>(w + bytes, f64x2.extract_lane(s1, 0) + f64x2.extract_lane(s1, 1) + x10 * va + x11 * vb, 8)
}
