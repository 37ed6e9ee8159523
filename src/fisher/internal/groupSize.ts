/** How many examples a group has, where the errors of a Fisher are found from groups: part of a block, or some whole blocks. */
import { Result } from "effect"
import { InvalidArgument } from "../../Errors.ts"

/** With fewer groups a standard error is a guess. */
const fewestGroups = 8

/**
 * So many unless said: a standard error is then good to 13 %, and an interval 4 % longer than with all that could be.
 * *Source*: Schmeiser 1982, Batch size effects in the analysis of simulation output.
 */
const usualGroups = 32

/** 128 MiB of sums of the groups of a block, and as much for the other draws. */
const mostNumbers = 2 ** 24

/** How many blocks a group is, where it is no part of one. */
export const blocksOf = (groupSize: number, blockSize: number): number =>
  Math.max(1, Math.floor(groupSize / blockSize))

const groupsIn = (examples: number, blockSize: number, groupSize: number): number => {
  const [whole, rest] = [Math.floor(examples / blockSize), examples % blockSize]
  return groupSize < blockSize
    ? whole * Math.ceil(blockSize / groupSize) + Math.ceil(rest / groupSize)
    : Math.ceil(Math.ceil(examples / blockSize) / blocksOf(groupSize, blockSize))
}

const refused = (groupSize: number, message: string): Result.Result<never, InvalidArgument> =>
  Result.fail(
    new InvalidArgument({
      argument: "groupSize",
      value: String(groupSize),
      message: `groupSize is ${groupSize}, and ${message}`
    })
  )

/** The group size that was asked for, or the usual one, where that gives enough groups and not too many of the `numbers` of each. */
export const groupSizeFor = (
  { blockSize, examples, numbers }: Record<"blockSize" | "examples" | "numbers", number>,
  asked: number | undefined
): Result.Result<number, InvalidArgument> => {
  const most = Math.max(1, Math.floor(mostNumbers / numbers))
  const block = Math.min(blockSize, examples)
  const groupSize = asked ?? Math.max(Math.ceil(examples / usualGroups), Math.ceil(block / most))
  const inBlock = Math.ceil(block / groupSize)
  if (inBlock > most) {
    return refused(
      groupSize,
      `the ${inBlock} groups of a block are ${inBlock * numbers} numbers, over the ${mostNumbers} that are allowed. Give a larger groupSize or a smaller blockSize.`
    )
  }
  const groups = groupsIn(examples, blockSize, groupSize)
  if (groups >= fewestGroups) return Result.succeed(groupSize)
  // Smaller groups than these are too many numbers, whatever was asked for.
  const least = Math.ceil(block / most)
  const smaller = groupSize > least ? "a smaller groupSize" : least > 1 ? "a smaller blockSize" : undefined
  const remedy = smaller === undefined ? "Give more data." : `Give ${smaller} or more data.`
  return refused(
    groupSize,
    `${examples} examples are ${groups} groups where a standard error needs ${fewestGroups} at least. ${remedy}`
  )
}
