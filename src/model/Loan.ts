/**
 * Blocks on loan: their x lies in an array that a later block is written to, once they are given back.
 *
 * A block's x is some MiB, which a garbage collector leaves lying until much of it has come together, and whose fresh pages the system has
 * to fill. Those who walk over blocks give each back when it is done with. Code of others never sees numbers change: an x that anybody has
 * read as `batch.x` is his, and its array is not used again. The library's own reads go through `numbersOf`.
 */
import { InvalidArgument } from "../Errors.ts"
import type { Batch } from "./Batch.ts"

interface Loan {
  readonly x: Float32Array
  /** Gives the array to whoever lent it. */
  readonly free: () => void
  state: "lent" | "kept" | "over"
}

const loans = new WeakMap<Batch, Loan>()

const over = (): InvalidArgument =>
  new InvalidArgument({
    argument: "x",
    value: "of a block that is over",
    message:
      "The x of a block is asked for when the block is over, and its array holds another. Read it while the block is worked on."
  })

const read = (loan: Loan): Float32Array => {
  if (loan.state === "over") throw over()
  return loan.x
}

/** The same batch on loan: `free` is called when it is given back, unless somebody has read its x. */
export const lend = (batch: Batch, free: () => void): Batch => {
  const { x, ...rest } = batch
  const loan: Loan = { x, free, state: "lent" }
  const lent: Batch = {
    ...rest,
    get x() {
      const numbers = read(loan)
      loan.state = "kept"
      return numbers
    }
  }
  loans.set(lent, loan)
  return lent
}

/** The x of a batch for one who is done with it before the batch is given back. *Throws*: `InvalidArgument` after that. */
export const numbersOf = (batch: Batch): Float32Array => {
  const loan = loans.get(batch)
  return loan === undefined ? batch.x : read(loan)
}

/** Gives back a batch, if it is on loan: its x is not read again. */
export const giveBack = (batch: Batch): void => {
  const loan = loans.get(batch)
  if (loan?.state !== "lent") return
  loan.state = "over"
  loan.free()
}
