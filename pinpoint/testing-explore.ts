/** For tests: goes through every state that a machine can reach, and refuses machines that may run in circles. */

export interface Explored {
  readonly states: number
  readonly moves: number
  /** States without a move. */
  readonly ends: number
  /** Moves on the longest way. */
  readonly longest: number
}

/**
 * @param next all states after one move; none where all is decided
 * @param key the same for states that have the same future
 * @param visit sees each state once, with the number of its moves
 * @throws Error for a state that comes back to itself
 */
export function explore<S>(
  starts: readonly S[],
  next: (state: S) => readonly S[],
  key: (state: S) => string,
  visit: (state: S, moves: number) => void = () => undefined,
): Explored {
  /** Moves on the longest way from a state; -1 while it is being explored. */
  const longest = new Map<string, number>()
  let [moves, ends] = [0, 0]
  const frame = (state: S, name: string) => {
    const after = next(state)
    visit(state, after.length)
    longest.set(name, -1)
    moves += after.length
    if (after.length === 0) ends++
    return { name, after, at: 0, most: 0 }
  }
  const stack: ReturnType<typeof frame>[] = []
  const enter = (state: S): number | undefined => {
    const name = key(state)
    const known = longest.get(name)
    if (known === -1) throw new Error(`a state comes back to itself: ${name}`)
    if (known === undefined) stack.push(frame(state, name))
    return known
  }
  let most = 0
  for (const start of starts) {
    enter(start)
    while (stack.length > 0) {
      const top = stack.at(-1) as ReturnType<typeof frame>
      const state = top.after[top.at]
      if (top.at < top.after.length) {
        const known = enter(state as S)
        if (known !== undefined) top.most = Math.max(top.most, known + 1)
        if (known !== undefined) top.at++
        continue
      }
      longest.set(top.name, top.most)
      most = Math.max(most, top.most)
      stack.pop()
    }
  }
  return { states: longest.size, moves, ends, longest: most }
}
