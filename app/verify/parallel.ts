/** Questions to a node, several at a time. */

/** Questions under way at a time. */
const AT_ONCE = 8

/** What `ask` answers for each item, in the items' order. Rejects with the first error, after which nothing more is asked. */
export async function askAll<T, R>(
  items: readonly T[],
  signal: AbortSignal,
  ask: (item: T) => Promise<R>,
): Promise<R[]> {
  const answers: R[] = []
  const next = items.entries()
  const work = async (): Promise<void> => {
    for (const [i, item] of next) {
      signal.throwIfAborted()
      answers[i] = await ask(item)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return answers
}
