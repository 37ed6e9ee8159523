/**
 * What goes wrong on a GPU. WebGPU throws nothing where a buffer is too large or a program is refused: it leaves zeros, and says so to the
 * error scope that is open at that time.
 *
 * So one is always open, and each read ends it and opens the next. Programs share what is submitted, so an error within a scope spoils the
 * tensors of all programs that began in it or before, and as long as one of them lives no read is trusted.
 */

/** What is used of a GPUDevice. */
export interface Gpu {
  readonly pushErrorScope: (filter: "validation" | "out-of-memory" | "internal") => void
  readonly popErrorScope: () => Promise<{ readonly message: string } | null>
  readonly lost: Promise<{ readonly message: string }>
}

export interface Faults {
  /** Begins a tensor program: gives the number of its scope, which ends with its tensors. */
  readonly enter: () => number
  readonly leave: (entered: number) => void
  /** Ends the scope. *Rejects*: the first error since the oldest program that still has its tensors, or the loss of the GPU. */
  readonly settle: () => Promise<void>
}

const filters = ["validation", "out-of-memory", "internal"] as const

export const faultsOf = (gpu: Gpu): Faults => {
  let scope = 0
  let errors: ReadonlyArray<{ readonly scope: number; readonly message: string }> = []
  /** How many programs live that began in a scope. */
  const live = new Map<number, number>()
  let known = Promise.resolve()
  let lost: string | undefined
  void gpu.lost.then(({ message }) => {
    lost = message
  })
  const open = (): void => filters.forEach((filter) => gpu.pushErrorScope(filter))
  open()

  const end = async (before: Promise<void>): Promise<void> => {
    const ended = scope++
    const popped = Promise.all(filters.map(() => gpu.popErrorScope()))
    open()
    const found = await popped.catch((cause) => [{ message: String(cause) }])
    await before
    const made = found.flatMap((error) =>
      error === null ? [] : [{ scope: ended, message: error.message.split("\n")[0]! }]
    )
    const oldest = Math.min(...live.keys())
    errors = [...errors, ...made].filter((error) => error.scope >= oldest)
  }
  return {
    enter: () => {
      live.set(scope, (live.get(scope) ?? 0) + 1)
      return scope
    },
    leave: (entered) => {
      const others = live.get(entered)! - 1
      if (others > 0) live.set(entered, others)
      else live.delete(entered)
    },
    settle: async () => {
      known = end(known)
      await known
      if (lost !== undefined) throw new Error(`the GPU was lost: ${lost}. Provide Device.webgpu anew`)
      const [first] = errors
      if (first !== undefined)
        throw new Error(`the GPU did not compute it: ${first.message} Use smaller blocks or fewer draws`)
    }
  }
}
