/** The coordinator's HTTP interface: intake for submitters, progress for those who watch. docs/spec/api.md. */

import type { Readable } from 'node:stream'
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { fromHex } from '#proto/bytes.ts'
import { AssayError, type ErrorCode } from '#proto/errors.ts'
import { MAX_JOB_BYTES } from '#proto/job.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { ProgramBuilder } from '#runtime/building/builder.ts'
import { plain } from '#runtime/json.ts'
import type { RoleNode } from '#runtime/node.ts'
import { MAX_INTAKE_BYTES, takeData, takeSpec } from './intake.ts'
import type { Progress } from './progress.ts'

export interface ApiOptions {
  readonly host: string
  readonly port: number
  /** A connection on which nothing moves for so long is closed, milliseconds. Default one minute. */
  readonly idleMs?: number
}

const IDLE_MS = 60_000
/** Of one request from its first byte to its last, milliseconds. */
const REQUEST_MS = 6 * 3_600_000
const MAX_CONNECTIONS = 256

/** Starts the interface; returns its URL. @throws AssayError `network` if the port is taken */
export async function startApi(
  node: RoleNode,
  progress: Progress,
  options: ApiOptions,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = fastify({
    logger: false,
    bodyLimit: MAX_JOB_BYTES,
    // A large data set takes its time; a connection on which nothing moves does not.
    requestTimeout: REQUEST_MS,
    connectionTimeout: options.idleMs ?? IDLE_MS,
    forceCloseConnections: true,
  })
  server.server.maxConnections = MAX_CONNECTIONS
  // Bodies are streams of bytes; anything else is refused (415) rather than parsed.
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload))
  server.setErrorHandler((error, _request, reply) => answerError(reply, error))
  intakeRoutes(server, node)
  viewRoutes(server, node, progress)
  try {
    const url = await server.listen({ host: options.host, port: options.port })
    return { url, close: () => server.close() }
  } catch (error) {
    throw new AssayError('network', `cannot listen on ${options.host}:${options.port}: ${(error as Error).message}`, {
      next: 'Choose another port with --port.',
      cause: error,
    })
  }
}

function intakeRoutes(server: FastifyInstance, node: RoleNode): void {
  const builder = new ProgramBuilder()
  server.put<{ Params: { hash: string }; Body: Readable }>('/specs/:hash', async (request) => {
    const bytes = await collect(request.body, MAX_JOB_BYTES)
    await takeSpec(node.store, builder, fromHex(request.params.hash, 32), bytes)
    return { specHash: request.params.hash }
  })
  server.head<{ Params: { root: string } }>('/data/:root', async (request, reply) => {
    const here = await node.store.blobs.has(fromHex(request.params.root, 32))
    return reply.code(here ? 200 : 404).send()
  })
  server.put<{ Params: { root: string }; Body: Readable }>(
    '/data/:root',
    { bodyLimit: MAX_INTAKE_BYTES },
    async (request) => {
      const size = await takeData(node.store, fromHex(request.params.root, 32), request.body, MAX_INTAKE_BYTES)
      return { root: request.params.root, size }
    },
  )
}

function viewRoutes(server: FastifyInstance, node: RoleNode, progress: Progress): void {
  server.get('/health', () => ({ ok: true, block: node.book.block, peers: node.peer.peers().length }))
  server.get('/stats', () => plain(node.peer.stats()))
  server.get('/jobs', () => [...node.book.views.values()].map(summary))
  server.get<{ Params: { id: Hex } }>('/jobs/:id', (request) => {
    const job = node.book.views.get(request.params.id)
    if (!job) throw new AssayError('not-found', `no job ${request.params.id}`, { next: 'List them with `assay jobs`.' })
    return { ...(plain(summary(job)) as object), losses: progress.of(job.jobId) }
  })
}

/** What a list of jobs says of one. */
function summary(job: JobView): object {
  return {
    jobId: job.jobId,
    phase: job.phase,
    steps: job.terms.steps,
    epoch: job.epoch,
    cells: job.cells,
    windows: job.totalWindows,
    committed: job.nextWindow,
    final: job.finalWindows,
    finalRoot: job.finalRoot,
    counts: job.counts,
  }
}

async function collect(body: Readable, max: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > max) throw new AssayError('over-limit', `more than ${max} bytes`)
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  'not-found': 404,
  'over-limit': 413,
  'rate-limited': 429,
  storage: 500,
  internal: 500,
}

/** Errors of this machine say nothing of themselves to whoever asks. */
function answerError(reply: FastifyReply, error: unknown): FastifyReply {
  const known = error instanceof AssayError ? error : new AssayError(codeOf(error), String((error as Error).message))
  const status = STATUS[known.code] ?? (error instanceof AssayError ? 400 : statusOf(error))
  const message = status < 500 ? known.message : 'the request failed here'
  const body = { code: known.code, message, ...(known.next ? { next: known.next } : {}) }
  return reply.code(status).send({ error: body })
}

/** The server's own refusals carry a status; anything else is a fault of this program. */
function codeOf(error: unknown): ErrorCode {
  const status = statusOf(error)
  return status === 413 ? 'over-limit' : status < 500 ? 'bad-input' : 'internal'
}

function statusOf(error: unknown): number {
  const status = (error as { statusCode?: unknown }).statusCode
  return typeof status === 'number' ? status : 500
}
