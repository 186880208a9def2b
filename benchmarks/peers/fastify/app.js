// The same tasks with Fastify, Drizzle and pg, as their documentation recommends.

import cors from '@fastify/cors'
import jwt from '@fastify/jwt'
import Ajv from 'ajv'
import addFormats from 'ajv-formats'
import addKeywords from 'ajv-keywords'
import { and, desc, eq, not, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import Fastify, { LogController } from 'fastify'

import { newTask, page, task, taskChanges, taskId } from './schemas.js'
import { tasks } from './table.js'

const db = drizzle({ connection: { connectionString: process.env.DATABASE_URL, max: 10 } })

const mine = and(
  eq(tasks.user_id, sql.placeholder('user')),
  eq(tasks.id, sql.placeholder('id'))
)
const getTask = db.select().from(tasks).where(mine).prepare('get_task')
const deleteTask = db.delete(tasks).where(mine).returning({ id: tasks.id }).prepare('delete_task')
const toggleTask = db
  .update(tasks)
  .set({
    completed: not(tasks.completed),
    completed_at: sql`CASE WHEN NOT ${tasks.completed} THEN now() END`,
    updated_at: sql`now()`
  })
  .where(mine)
  .returning()
  .prepare('toggle_task')

// Fastify's own Ajv converts the types of a body, and removes its unknown fields.
const strict = addFormats(addKeywords(new Ajv(), 'transform'))
const converting = new Ajv({ coerceTypes: true, useDefaults: true })

// One line per request, not two.
export const app = Fastify({
  logger: true,
  logController: new LogController({ disableRequestLogging: true })
})

app.setValidatorCompiler(({ schema, httpPart }) =>
  (httpPart === 'body' ? strict : converting).compile(schema)
)
app.register(cors, {
  origin: 'http://localhost:3000',
  credentials: true,
  methods: ['GET', 'POST', 'PATCH', 'DELETE']
})
app.register(jwt, {
  secret: process.env.BETTER_AUTH_SECRET,
  verify: {
    algorithms: ['HS256'],
    requiredClaims: ['sub', 'exp', 'iat'],
    clockTolerance: 10_000
  }
})
app.addHook('onRequest', (request) => request.jwtVerify())
app.addHook('onResponse', async (request, reply) => {
  request.log.info({
    method: request.method,
    route: request.routeOptions.url,
    status: reply.statusCode,
    duration_ms: reply.elapsedTime
  })
})

const one = { response: { '2xx': task } }
const found = (reply, [row]) => row ?? reply.code(404).send({ detail: 'Task not found' })

app.get(
  '/api/tasks',
  { schema: { querystring: page, response: { 200: { type: 'array', items: task } } } },
  async (request, reply) => {
    const { status, limit, cursor } = request.query
    const ownedBy = eq(tasks.user_id, request.user.sub)
    const last = db
      .select({ created_at: tasks.created_at, id: tasks.id })
      .from(tasks)
      .where(and(ownedBy, eq(tasks.id, cursor)))
    const rows = await db
      .select()
      .from(tasks)
      .where(
        and(
          ownedBy,
          status === 'all' ? undefined : eq(tasks.completed, status === 'completed'),
          cursor && sql`(${tasks.created_at}, ${tasks.id}) < (${last})`
        )
      )
      .orderBy(desc(tasks.created_at), desc(tasks.id))
      .limit(limit + 1)
    if (rows.length > limit) {
      rows.pop()
      const next = new URLSearchParams({ status, limit, cursor: rows.at(-1).id })
      reply.header('Link', `</api/tasks?${next}>; rel="next"`)
    }
    return rows
  }
)

app.post('/api/tasks', { schema: { body: newTask, ...one } }, async (request, reply) => {
  const { tags, completed } = request.body
  const [row] = await db
    .insert(tasks)
    .values({
      ...request.body,
      ...(tags && { tags: [...new Set(tags)] }),
      ...(completed && { completed_at: sql`now()` }),
      user_id: request.user.sub
    })
    .returning()
  reply.code(201).header('Location', `/api/tasks/${row.id}`)
  return row
})

app.get('/api/tasks/:id', { schema: { params: taskId, ...one } }, async (request, reply) =>
  found(reply, await getTask.execute({ user: request.user.sub, id: request.params.id }))
)

app.patch(
  '/api/tasks/:id',
  { schema: { params: taskId, body: taskChanges, ...one } },
  async (request, reply) => {
    const { tags, completed } = request.body
    const rows = await db
      .update(tasks)
      .set({
        ...request.body,
        ...(tags && { tags: [...new Set(tags)] }),
        ...(completed !== undefined && {
          completed_at: completed ? sql`coalesce(${tasks.completed_at}, now())` : null
        }),
        updated_at: sql`now()`
      })
      .where(and(eq(tasks.user_id, request.user.sub), eq(tasks.id, request.params.id)))
      .returning()
    return found(reply, rows)
  }
)

app.patch(
  '/api/tasks/:id/complete',
  { schema: { params: taskId, ...one } },
  async (request, reply) =>
    found(reply, await toggleTask.execute({ user: request.user.sub, id: request.params.id }))
)

app.delete('/api/tasks/:id', { schema: { params: taskId } }, async (request, reply) => {
  const rows = await deleteTask.execute({ user: request.user.sub, id: request.params.id })
  return rows.length ? reply.code(204).send() : found(reply, rows)
})
