// What a site would write for itself: a process for each core that signs with
// jsonwebtoken or jose and responds as playtoken does. It has less to do, because
// it checks nothing: neither the caller, nor a policy, nor the signature.
'use strict'

const cluster = /** @type {import('node:cluster').Cluster} */ (/** @type {unknown} */ (require('node:cluster')))
const http = require('node:http')
const os = require('node:os')

const workers = os.availableParallelism()

if (cluster.isPrimary) {
  /** @type {(number | undefined)[]} */
  const listening = []
  cluster.on('listening', (worker, { port }) => {
    listening.push(worker.process.pid)
    if (listening.length === workers) {
      const started = { address: `127.0.0.1:${port}`, pids: [process.pid, ...listening] }
      process.stderr.write(JSON.stringify(started) + '\n')
    }
  })
  for (let i = 0; i < workers; i++) cluster.fork()
} else {
  const crypto = require('node:crypto')
  const fs = require('node:fs')

  const key = crypto.createPrivateKey({ key: fs.readFileSync(process.env.KEY_FILE ?? ''), format: 'der', type: 'pkcs1' })
  const keyid = '5f2c0e8e-5d3c-4b7e-9a5e-000000000001'
  const site = process.env.SITE
  const time = (/** @type {number} */ seconds) => new Date(seconds * 1000).toISOString().replace('.000', '')

  /** @type {Record<string, () => (exp: number, sub: string) => string | Promise<string>>} */
  const signers = {
    jsonwebtoken: () => {
      // @ts-ignore: installed only where the bench runs
      const jwt = require('jsonwebtoken')
      return (exp, sub) => jwt.sign({ exp, sub }, key, { algorithm: 'RS256', keyid, noTimestamp: true })
    },
    jose: () => {
      // @ts-ignore: installed only where the bench runs
      const { SignJWT } = require('jose')
      return (exp, sub) => new SignJWT({ exp, sub }).setProtectedHeader({ alg: 'RS256', kid: keyid }).sign(key)
    },
  }
  const sign = signers[process.env.PACKAGE ?? '']()

  const mint = async (/** @type {{ video_id: string, expires_in: number }} */ { video_id, expires_in }) => {
    const now = Math.floor(Date.now() / 1000)
    const exp = now + expires_in
    const token = await sign(exp, video_id)
    return {
      token, video_id, key_id: keyid, issued_at: time(now), expires_at: time(exp), expires_in,
      refresh_at: time(now + Math.floor(expires_in * 3 / 4)),
      urls: {
        landing: `${site}/${video_id}?jwt=${token}`,
        embed: `${site}/embed/${video_id}?jwt=${token}`,
        hls: `${site}/${video_id}/hls.m3u8?jwt=${token}`,
      },
    }
  }

  http.createServer((req, res) => {
    /** @type {Buffer[]} */
    const parts = []
    req.on('data', part => parts.push(part))
    req.on('end', async () => {
      const body = JSON.stringify(await mint(JSON.parse(Buffer.concat(parts).toString())))
      res.writeHead(201, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
      res.end(body)
    })
  }).listen(0, '127.0.0.1')
}
