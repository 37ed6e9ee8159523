/** A checkpoint in memory, and what happens to it. */
import { Effect } from "effect"
import { Checkpoint } from "../../src/index.ts"

export interface Memory {
  /** What is there. */
  content: Uint8Array | undefined
  /** How often something was written. */
  writes: number
}

/** The checkpoint that keeps its bytes in `memory`. */
export const inMemory = (memory: Memory, every = 1) =>
  Checkpoint.fromStore({
    name: "memory",
    every,
    read: Effect.sync(() => memory.content),
    write: (bytes) =>
      Effect.sync(() => {
        memory.writes++
        memory.content = bytes
      }),
    remove: Effect.sync(() => {
      memory.content = undefined
    })
  })

export const memory = (content?: Uint8Array): Memory => ({ content, writes: 0 })
