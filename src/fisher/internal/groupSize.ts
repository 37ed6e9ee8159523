/** How many examples a group has, where the errors of a Fisher are found from groups. */
import { Result } from "effect"
import { InvalidArgument } from "../../Errors.ts"
import { groupCount } from "./groups.ts"

/** With fewer groups a standard error is a guess. */
const fewestGroups = 8

/** So many unless said: a standard error is then good to 5 %. */
const usualGroups = 256

/** 128 MiB of sums of the groups of a block, and as much for the other draws. */
const mostNumbers = 2 ** 24

const refused = (groupSize: number, message: string): Result.Result<never, InvalidArgument> =>
  Result.fail(new InvalidArgument({ argument: "groupSize", value: String(groupSize), message }))

/** The group size that was asked for, or the usual one, where that gives enough groups and not too many of the `numbers` of each. */
export const groupSizeFor = (
  { blockSize, examples, numbers }: Record<"blockSize" | "examples" | "numbers", number>,
  asked: number | undefined
): Result.Result<number, InvalidArgument> => {
  const most = Math.max(1, Math.floor(mostNumbers / numbers))
  const groupSize = asked ?? Math.max(Math.ceil(examples / usualGroups), Math.ceil(blockSize / most))
  const inBlock = groupCount(Math.min(blockSize, examples), groupSize)
  if (inBlock > most) {
    return refused(
      groupSize,
      `groupSize is ${groupSize}, and the ${inBlock} groups of a block are ${inBlock * numbers} numbers, over the ${mostNumbers} that are allowed. Give a larger groupSize or a smaller blockSize.`
    )
  }
  const whole = Math.floor(examples / blockSize)
  const groups = whole * groupCount(blockSize, groupSize) + groupCount(examples % blockSize, groupSize)
  if (groups >= fewestGroups) return Result.succeed(groupSize)
  const remedy =
    groupSize === 1 ? "Give more data." : "Give a smaller groupSize, a smaller blockSize or more data."
  return refused(
    groupSize,
    `groupSize is ${groupSize}, and ${examples} examples are ${groups} groups where a standard error needs ${fewestGroups} at least. ${remedy}`
  )
}
