import type { AnyStructure, Operation, TwoPass } from "../Structure.ts"

/** Whether a structure needs the data twice. */
export const isTwoPass = <Op extends Operation>(structure: AnyStructure<Op>): structure is TwoPass<Op> =>
  "second" in structure
