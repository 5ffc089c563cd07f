/** The coordinator's HTTP interface: intake for submitters, progress for those who watch. docs/spec/api.md. */

import type { Readable } from 'node:stream'
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { fromHex } from '#proto/bytes.ts'
import { AssayError } from '#proto/errors.ts'
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
}

/** Starts the interface; returns its URL. @throws AssayError `network` if the port is taken */
export async function startApi(
  node: RoleNode,
  progress: Progress,
  options: ApiOptions,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = fastify({ logger: false, bodyLimit: MAX_JOB_BYTES, requestTimeout: 0, forceCloseConnections: true })
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

function answerError(reply: FastifyReply, error: unknown): FastifyReply {
  const known = error instanceof AssayError
  const status = known ? (error.code === 'not-found' ? 404 : error.code === 'over-limit' ? 413 : 400) : statusOf(error)
  const message = error instanceof Error ? error.message : String(error)
  const body = { code: known ? error.code : 'bad-input', message, ...(known && error.next ? { next: error.next } : {}) }
  return reply.code(status).send({ error: body })
}

function statusOf(error: unknown): number {
  const status = (error as { statusCode?: unknown }).statusCode
  return typeof status === 'number' ? status : 500
}
