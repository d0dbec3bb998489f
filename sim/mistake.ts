// What is wrong with what was asked for, in a sentence for whoever asked: printed without a stack, and the exit code is 2.

export class Mistake extends Error {}
