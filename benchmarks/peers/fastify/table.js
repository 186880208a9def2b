import { sql } from 'drizzle-orm'
import { bigint, boolean, date, pgTable, primaryKey, text, timestamp } from 'drizzle-orm/pg-core'

const instant = () => timestamp({ withTimezone: true })

export const tasks = pgTable(
  'tasks',
  {
    id: bigint({ mode: 'number' }).generatedAlwaysAsIdentity(),
    user_id: text().notNull(),
    title: text().notNull(),
    description: text(),
    completed: boolean().notNull().default(false),
    created_at: instant().notNull().defaultNow(),
    updated_at: instant().notNull().defaultNow(),
    completed_at: instant(),
    priority: text().notNull().default('medium'),
    due_date: date(),
    tags: text().array().notNull().default(sql`'{}'`)
  },
  (table) => [primaryKey({ columns: [table.user_id, table.id] })]
)
