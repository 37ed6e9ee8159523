/** Batches of any size, cut into blocks of one size in the order of the data. */
import type { Batch } from "../../model/Batch.ts"
import { lend } from "../../model/Loan.ts"
import { below, concatenate, slice, stacked } from "./rows.ts"

/** Arrays of one walk for the x of its blocks, some of which are free to be written to. */
export interface Room {
  /** An array for at least so many numbers. */
  readonly take: (numbers: number) => Float32Array
  readonly give: (array: Float32Array) => void
}

export const makeRoom = (): Room => {
  /** From the shortest to the longest. */
  const free: Array<Float32Array> = []
  return {
    take: (numbers) => {
      const fits = free.findIndex((array) => array.length >= numbers)
      return fits < 0 ? new Float32Array(numbers) : free.splice(fits, 1)[0]!
    },
    give: (array) => {
      free.push(array)
      free.sort((one, other) => one.length - other.length)
    }
  }
}

/** 16 MiB of x, up to which there is room for all of a block at once: pages that nobody writes to cost nothing. */
const atOnce = 2 ** 22

export interface Cutter {
  /** The blocks that are full with this batch. */
  readonly add: (batch: Batch) => ReadonlyArray<Batch>
  /** What is left, if anything. */
  readonly end: () => ReadonlyArray<Batch>
}

interface Options {
  readonly size: number
  /** Where the x of a block goes that is a copy; the block is then on loan. Absent where blocks hold for good. */
  readonly room?: Room
  /** Whether the x of a batch holds until the next one only: then all of it is copied. */
  readonly brief?: boolean
}

export const cutter = ({ brief = false, room, size }: Options): Cutter => {
  /** Of the block that is not full yet. */
  let parts: Array<Batch> = []
  let examples = 0
  /** The array that its x is copied to. */
  let copy: Float32Array | undefined

  const take = (numbers: number): Float32Array => room?.take(numbers) ?? new Float32Array(numbers)

  const place = (numbers: number): Float32Array => {
    copy = take(numbers)
    return copy.subarray(0, numbers)
  }

  /**
   * Copies the x of a part behind the others, to an array that grows with them: a block may be far larger than what there is. What is left of a
   * batch after a full block goes to a short one, since with the next batch the array of that block should be free again.
   */
  const copied = (part: Batch, left: Batch | undefined): Batch => {
    const whole = size * part.features
    const from = examples * part.features
    const due = from + part.x.length
    const filled = copy
    if (filled === undefined || filled.length < due) {
      const least = left === undefined ? Math.max(from === 0 ? due : 2 * due, atOnce) : left.x.length
      copy = take(Math.min(whole, least))
      if (filled !== undefined) {
        copy.set(filled.subarray(0, from))
        room?.give(filled)
      }
    }
    copy!.set(part.x, from)
    return { ...part, x: copy!.subarray(from, due) }
  }

  const close = (): Batch => {
    const block = brief
      ? stacked(parts, copy!.subarray(0, examples * parts[0]!.features))
      : concatenate(parts, (values) => below(values, place))
    const array = copy
    parts = []
    examples = 0
    copy = undefined
    return array === undefined || room === undefined ? block : lend(block, () => room.give(array))
  }

  return {
    add: (batch) => {
      const blocks: Array<Batch> = []
      for (let from = 0; from < batch.examples; ) {
        const to = Math.min(batch.examples, from + size - examples)
        const part = slice(batch, from, to)
        parts.push(
          brief ? copied(part, blocks.length > 0 && to === batch.examples ? batch : undefined) : part
        )
        examples += to - from
        from = to
        if (examples === size) blocks.push(close())
      }
      return blocks
    },
    end: () => (examples === 0 ? [] : [close()])
  }
}
