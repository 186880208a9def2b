// As many processes as WEB_CONCURRENCY says, on one port.

import cluster from 'node:cluster'

if (cluster.isPrimary) {
  for (let count = 0; count < Number(process.env.WEB_CONCURRENCY); count += 1) {
    cluster.fork()
  }
} else {
  const { app } = await import('./app.js')
  await app.listen({ port: Number(process.env.PORT) })
}
