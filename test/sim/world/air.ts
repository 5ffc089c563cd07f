/** What lies between the processes of a world: messages are late, overtake each other, come twice, or not at all. */
import type { Chance } from '#test/sim/chance.ts'
import type { Life, Schedule } from '#test/sim/world/schedule.ts'
import type { FaultPlan, Weather } from '#test/sim/world/weather.ts'

/** Most time that a stalled message or call takes, ms. */
const STALL_MS = 10_000

/** A process as others see it: its present life comes and goes. */
export interface Place {
  readonly index: number
  readonly name: string
  life: Life | undefined
}

export class Air {
  /** Of the moment: the faults end. */
  weather: Weather
  readonly #schedule: Schedule
  readonly #random: Chance
  readonly #plan: FaultPlan

  constructor(schedule: Schedule, random: Chance, plan: FaultPlan) {
    this.#schedule = schedule
    this.#random = random
    this.#plan = plan
    this.weather = plan.weather
  }

  /** Carries a message from the life that is running to whatever life `to` has when it arrives. */
  send(from: Place, to: Place, arrive: () => unknown): void {
    if (this.#schedule.life?.alive !== true) return
    for (let copies = this.#random.bool(this.weather.twice) ? 2 : 1; copies > 0; copies--) {
      if (this.#random.bool(this.weather.loss)) continue
      const land = (): void => {
        const { life } = to
        if (!life?.alive || this.#apart(from, to)) return
        // a process that stands still hears it later
        this.#schedule.of(life, 0, arrive)
      }
      this.#schedule.of(undefined, this.time(this.weather.delay), land)
    }
  }

  /** Whether `place` is cut off from the chain. */
  offline(place: Place): boolean {
    return this.#plan.outages.some((outage) => outage.who === place.index && this.#during(outage))
  }

  /** How long something takes whose usual limit is `most` ms. */
  time(most: number): number {
    return this.#random.bool(this.weather.stall) ? this.#random.below(STALL_MS) : 1 + this.#random.below(most)
  }

  /** A drawn time of a disk's write. */
  disk(): number {
    return 1 + this.#random.below(this.weather.disk)
  }

  /** Whether the process is to die now, at a durable write. */
  breaks(): boolean {
    return this.#random.bool(this.weather.fragile)
  }

  #apart(a: Place, b: Place): boolean {
    return this.#plan.partitions.some(
      (partition) => partition.side.has(a.index) !== partition.side.has(b.index) && this.#during(partition),
    )
  }

  #during({ at, ms }: { readonly at: number; readonly ms: number }): boolean {
    return this.#schedule.now >= at && this.#schedule.now < at + ms
  }
}
