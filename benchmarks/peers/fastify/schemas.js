// What requests may hold, and what responses show.

const text = { type: 'string', pattern: '^[^\\u0000]*$' }
const nullable = (schema) => ({ ...schema, type: [schema.type, 'null'] })

const changes = {
  title: { ...text, transform: ['trim'], minLength: 1, maxLength: 200 },
  description: nullable({ ...text, maxLength: 10_000 }),
  completed: { type: 'boolean' },
  priority: { enum: ['low', 'medium', 'high'] },
  due_date: nullable({ type: 'string', format: 'date' }),
  tags: {
    type: 'array',
    maxItems: 10,
    items: { ...text, transform: ['trim', 'toLowerCase'], minLength: 1, maxLength: 50 }
  }
}

export const taskChanges = { type: 'object', additionalProperties: false, properties: changes }
export const newTask = { ...taskChanges, required: ['title'] }

const time = { type: 'string', format: 'date-time' }

export const task = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    user_id: { type: 'string' },
    title: { type: 'string' },
    description: { type: 'string', nullable: true },
    completed: { type: 'boolean' },
    created_at: time,
    updated_at: time,
    completed_at: { ...time, nullable: true },
    priority: { type: 'string' },
    due_date: { type: 'string', nullable: true },
    tags: { type: 'array', items: { type: 'string' } }
  }
}

export const taskId = {
  type: 'object',
  properties: { id: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } }
}

export const page = {
  type: 'object',
  additionalProperties: false,
  properties: {
    status: { enum: ['all', 'active', 'pending', 'completed'], default: 'all' },
    limit: { type: 'integer', minimum: 1, maximum: 500, default: 100 },
    cursor: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER }
  }
}
