/** Every decoder of outside bytes. */
import type { Target } from '#test/fuzz/target.ts'
import { BORDER } from '#test/fuzz/targets/border.ts'
import { CHAIN } from '#test/fuzz/targets/chain.ts'
import { FILES } from '#test/fuzz/targets/files.ts'
import { NET } from '#test/fuzz/targets/net.ts'
import { PROGRAMS } from '#test/fuzz/targets/programs.ts'
import { PROTO } from '#test/fuzz/targets/proto.ts'
import { SETTINGS } from '#test/fuzz/targets/settings.ts'

export const TARGETS: readonly Target[] = [...PROTO, ...NET, ...PROGRAMS, ...FILES, ...CHAIN, ...SETTINGS, ...BORDER]
