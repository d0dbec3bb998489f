// What is wrong with what an operator asked for, in a sentence for them: printed without a stack, and the exit code is 2.

export class Mistake extends Error {}
