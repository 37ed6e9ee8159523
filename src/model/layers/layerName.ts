/** Names of layers in a signature: a word, and in brackets what of the options is not the default. */

/** For the compiler: the word, and the parts that are not empty. A part that is known at run time alone leaves the rest open. */
export type LayerName<Word extends string, Parts extends ReadonlyArray<string>> = string extends Parts[number]
  ? `${Word}${string}`
  : Listed<Parts> extends infer List extends string
    ? List extends ""
      ? Word
      : `${Word}(${List})`
    : never

type Listed<Parts extends ReadonlyArray<string>, Done extends string = ""> = Parts extends readonly [
  infer First extends string,
  ...infer Rest extends ReadonlyArray<string>
]
  ? Listed<Rest, First extends "" ? Done : Done extends "" ? First : `${Done}, ${First}`>
  : Done

/** The value of an option, or what it is unless said. */
export type Said<Options, Key extends string, Default> = Key extends keyof Options
  ? Exclude<Options[Key], undefined> | (undefined extends Options[Key] ? Default : never)
  : Default

/** A part for a number: nothing where it is the default. */
export type NumberPart<Label extends string, Value, Default extends number | undefined> = [Value] extends [
  Default
]
  ? ""
  : [Value] extends [number]
    ? number extends Value
      ? string
      : `${Label} ${Value}`
    : string

/** A part for what is there unless said. */
export type SwitchPart<Label extends string, Value> = [Value] extends [true]
  ? ""
  : [Value] extends [false]
    ? `no ${Label}`
    : string

/** For the compiler: an option that is none of these. */
export type Only<Options, Known> = { readonly [Key in Exclude<keyof Options, keyof Known>]: never }

/** The same at run time. */
export const layerName = (word: string, parts: ReadonlyArray<string>): string => {
  const list = parts.filter((part) => part !== "").join(", ")
  return list === "" ? word : `${word}(${list})`
}

export const numberPart = (label: string, value: number | undefined, unsaid: number | undefined): string =>
  value === unsaid ? "" : `${label} ${value}`

export const switchPart = (label: string, value: boolean): string => (value ? "" : `no ${label}`)
