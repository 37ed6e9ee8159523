/**
 * Processes killed with SIGKILL at random times, and what they leave: the snapshot of one block or of a later one, whole, from which
 * the next process goes on, to the result of one that was not killed.
 */
import { spawn } from "node:child_process"
import { readdirSync, readFileSync, rmSync } from "node:fs"
import { basename, join } from "node:path"
import { Effect } from "effect"
import { Snapshot } from "../../src/index.ts"
import { generator } from "../oracle/random.ts"

type Random = ReturnType<typeof generator>

/** What is killed: a program, and what it is told before the name of its file. */
interface Victim {
  readonly script: string
  readonly words: ReadonlyArray<string>
  /** The part of its time within which it is killed: so that a chain has many lives. */
  readonly within: number
}

const script = (name: string): string => join(import.meta.dirname, name)

/**
 * `sums`: Snapshot and Checkpoint alone, in a process without TensorFlow.js. `estimates`: Fisher.estimate, in one pass, of rows, in two
 * passes. `inPlace`: a writer that does not rename.
 */
export const victims: Readonly<Record<"sums" | "estimates" | "inPlace", ReadonlyArray<Victim>>> = {
  sums: [{ script: script("killedSums.ts"), words: ["checkpoint"], within: 1 / 8 }],
  estimates: ["kfac", "gram", "ekfac"].map((name) => ({
    script: script("killedEstimate.ts"),
    words: [name],
    within: 1 / 3
  })),
  inPlace: [{ script: script("killedSums.ts"), words: ["in-place"], within: 1 / 8 }]
}

export interface Counts {
  /** Processes that SIGKILL ended. */
  kills: number
  /** Of those, how many were writing: a temporary file was left. */
  writing: number
  /** Processes that went on with a snapshot. */
  resumes: number
  /** Files that were not whole. */
  torn: number
  /** Snapshots that were gone, or of fewer blocks than the one before. */
  lost: number
  /** Names in the folder that should not be there, and processes that failed or hung. */
  strange: number
  /** Results after processes that were killed. */
  results: number
  /** Of those, how many had other bits. */
  different: number
}

export const nothing = (): Counts => ({
  kills: 0,
  writing: 0,
  resumes: 0,
  torn: 0,
  lost: 0,
  strange: 0,
  results: 0,
  different: 0
})

export const flawless = ({ different, lost, results, strange, torn }: Counts): boolean =>
  results > 0 && torn + lost + strange + different === 0

interface Life {
  readonly killed: boolean
  /** Whether its sums were whole: then it removes the snapshot. */
  readonly ended: boolean
  /** The hash that it printed, if it ended. */
  readonly result: string | undefined
  /** Milliseconds from its beginning to its end. */
  readonly time: number
}

/** One process; killed so many milliseconds after it has begun, if it has not ended then. */
const live = (
  { script, words }: Victim,
  folder: string,
  file: string | undefined,
  after: number
): Promise<Life> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [script, ...words, ...(file === undefined ? [] : [file])], {
      stdio: ["ignore", "pipe", "ignore"],
      // Most of a life is the loading of its modules.
      env: { ...process.env, NODE_COMPILE_CACHE: join(folder, "compiled") }
    })
    let printed = ""
    let begun = 0
    let timer: NodeJS.Timeout | undefined
    // A process that hangs is a failure, and not the end of the test.
    const limit = setTimeout(() => child.kill("SIGTERM"), 60_000)
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text
      if (begun === 0 && printed.includes("begun\n")) {
        begun = performance.now()
        if (Number.isFinite(after)) timer = setTimeout(() => child.kill("SIGKILL"), after)
      }
    })
    child.on("close", (_, signal) => {
      clearTimeout(timer)
      clearTimeout(limit)
      const result = /^done ([0-9a-f]{64})$/m.exec(printed)?.[1]
      const ended = printed.includes("ended\n")
      resolve({ killed: signal === "SIGKILL", ended, result, time: performance.now() - begun })
    })
  })

/** How far a snapshot is: the pass, then the example. */
const progress = ({ constants, origin }: Snapshot.Snapshot): number =>
  (constants.length > 0 ? 1e6 : 0) + origin.to

/** The names in the folder that begin as this file's does. */
const namesOf = (folder: string, file: string): ReadonlyArray<string> =>
  readdirSync(folder).filter((entry) => entry.startsWith(`${basename(file)}`))

const isTemporary = (entry: string): boolean => /\.[0-9a-f]{16}\.tmp$/.test(entry)

/** Looks at what a killed process left; how far it is, where it is due to be at `before` at least. */
const look = async (folder: string, file: string, before: number, counts: Counts): Promise<number> => {
  const names = namesOf(folder, file)
  const temporary = names.filter(isTemporary).length
  const there = names.includes(basename(file))
  if (temporary > 0) counts.writing++
  if (temporary > 1 || names.length > temporary + Number(there)) counts.strange++
  if (!there) {
    if (before > 0) counts.lost++
    return 0
  }
  const read = await Effect.runPromise(Effect.result(Snapshot.decode(readFileSync(file), file)))
  if (read._tag === "Failure") {
    counts.torn++
    rmSync(file)
    return 0
  }
  const now = progress(read.success)
  if (now < before) counts.lost++
  return now
}

interface Reference {
  readonly victim: Victim
  readonly result: string
  readonly time: number
}

/** What a victim gives when it is left alone, with and without a file, and how long it takes. */
const alone = async (victim: Victim, folder: string): Promise<Reference> => {
  const { result: due } = await live(victim, folder, undefined, Number.POSITIVE_INFINITY)
  const { result, time } = await live(victim, folder, join(folder, "alone"), Number.POSITIVE_INFINITY)
  if (due === undefined || due !== result) {
    throw new Error(
      `${victim.script} ${victim.words.join(" ")} alone gives ${due}, and ${result} with a checkpoint`
    )
  }
  return { victim, result, time }
}

interface Run {
  readonly folder: string
  readonly counts: Counts
  readonly random: Random
  /** Whether to kill, after so many lives of this chain. */
  readonly mayKill: (lives: number) => boolean
}

/** Processes that go on with each other's file, all killed but the last. */
const chain = async ({ result, time, victim }: Reference, file: string, run: Run): Promise<void> => {
  const { counts, folder, mayKill, random } = run
  let at = 0
  for (let lives = 0; ; lives++) {
    const after = random.uniform() * time * victim.within
    const life = await live(victim, folder, file, mayKill(lives) ? after : Number.POSITIVE_INFINITY)
    if (at > 0) counts.resumes++
    if (life.killed && life.result === undefined) {
      counts.kills++
      at = await look(folder, file, life.ended ? 0 : at, counts)
      continue
    }
    if (life.result === undefined || namesOf(folder, file).length > 0) counts.strange++
    else {
      if (lives > 0) counts.results++
      if (life.result !== result) counts.different++
    }
    for (const entry of namesOf(folder, file)) rmSync(join(folder, entry))
    return
  }
}

/**
 * Kills at least so many processes of a kind, two at a time, and lets every chain come to its result.
 *
 * It ends by itself: a process lives for a minute at most, a chain has 30 of them, and after four times as many lives as kills are due
 * nothing more is killed.
 */
export const kill = async (
  kind: keyof typeof victims,
  kills: number,
  seed: number,
  folder: string,
  onKill: (counts: Counts) => void = () => undefined
): Promise<Counts> => {
  const counts = nothing()
  const references: Array<Reference> = []
  for (const victim of victims[kind]) references.push(await alone(victim, folder))
  let [chains, lives, told] = [0, 0, 0]
  const mayKill = (before: number): boolean => {
    if (counts.kills > told) onKill(counts)
    told = counts.kills
    return counts.kills < kills && before < 30 && lives++ < 4 * kills
  }
  const lane = async (number: number): Promise<void> => {
    const random = generator(2 * seed + number)
    while (counts.kills < kills && lives < 4 * kills) {
      const reference = references[chains % references.length]!
      const file = join(folder, `${kind} ${chains++}.sums`)
      await chain(reference, file, { folder, counts, random, mayKill })
    }
  }
  await Promise.all([lane(0), lane(1)])
  return counts
}
