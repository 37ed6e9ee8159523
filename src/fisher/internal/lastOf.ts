/** `f` that keeps its last result: the factorisations of a Fisher are asked for with the same damping again and again. */
export const lastOf = <A, B>(f: (a: A) => B): ((a: A) => B) => {
  let last: { readonly a: A; readonly b: B } | undefined
  return (a) => {
    if (last === undefined || last.a !== a) last = { a, b: f(a) }
    return last.b
  }
}

/** `f`, computed at the first call and then kept. */
export const once = <B>(f: () => B): (() => B) => {
  const kept = lastOf((_: undefined) => f())
  return () => kept(undefined)
}
