// The npm module ws as an end of CoAP over WebSockets (RFC 8323 section 4); the CoAP in it is made by hand.
//   node ws_end.js client JSON     opens a connection, takes the steps, prints all that came as JSON; "-": JSON on stdin
//   node ws_end.js server JSON     serves until it is ended; prints "ready PORT", and a line of JSON for what happens
// With the module's own defaults both offer and accept permessage-deflate.
'use strict'

const fs = require('fs')
const http = require('http')
const https = require('https')
const { WebSocket, WebSocketServer } = require('ws')

const CSM = '7.01'; const PING = '7.02'; const PONG = '7.03'; const RELEASE = '7.04'; const ABORT = '7.05'
const URI_PATH = 11; const CONTENT_FORMAT = 12
const MAX_MESSAGE_SIZE = 2; const BLOCK_WISE_TRANSFER = 4

const print = (what) => console.log(JSON.stringify(what))

// A number as options and extended lengths write it: 4 bits, and the bytes that belong to them.
function nibble (number) {
  if (number < 13) return [number, Buffer.alloc(0)]
  if (number < 269) return [13, Buffer.from([number - 13])]
  return [14, Buffer.from([(number - 269) >> 8, (number - 269) & 0xff])]
}

function uint (number) {
  const bytes = []
  for (; number > 0; number = Math.floor(number / 256)) bytes.unshift(number % 256)
  return Buffer.from(bytes)
}

// { code: '2.05', token: 'hex', options: [[number, 'hex'], …], payload: 'hex' }
function encode ({ code, token = '', options = [], payload = '' }) {
  const [kind, detail] = code.split('.').map(Number)
  const parts = [Buffer.from([token.length / 2, (kind << 5) | detail]), Buffer.from(token, 'hex')]
  let last = 0
  for (const [number, hex] of [...options].sort((one, other) => one[0] - other[0])) {
    const value = Buffer.from(hex, 'hex')
    const [delta, more] = nibble(number - last)
    const [length, evenMore] = nibble(value.length)
    parts.push(Buffer.from([(delta << 4) | length]), more, evenMore, value)
    last = number
  }
  if (payload !== '') parts.push(Buffer.from('ff' + payload, 'hex'))
  return Buffer.concat(parts)
}

function decode (bytes) {
  let at = 2 + (bytes[0] & 15)
  const extended = (value) => {
    if (value === 13) return bytes[at++] + 13
    if (value === 14) return bytes[at++] * 256 + bytes[at++] + 269
    return value
  }
  const message = {
    code: `${bytes[1] >> 5}.${String(bytes[1] & 31).padStart(2, '0')}`,
    length: bytes[0] >> 4, // RFC 8323 section 4.2: 0
    token: bytes.toString('hex', 2, at),
    options: [],
    payload: ''
  }
  let number = 0
  while (at < bytes.length && bytes[at] !== 0xff) {
    const head = bytes[at++]
    number += extended(head >> 4)
    const length = extended(head & 15)
    message.options.push([number, bytes.toString('hex', at, at + length)])
    at += length
  }
  message.payload = bytes.toString('hex', at + 1)
  return message
}

function csm (kind) {
  if (kind === 'none') return null
  const options = kind === 'empty' ? [] : [[MAX_MESSAGE_SIZE, uint(1 << 20).toString('hex')], [BLOCK_WISE_TRANSFER, '']]
  return encode({ code: CSM, options })
}

// A message in fragments of `size` bytes, and a ping between the first and the second.
function sendFragments (socket, bytes, size) {
  for (let at = 0; at < bytes.length; at += size) {
    socket.send(bytes.subarray(at, at + size), { binary: true, fin: at + size >= bytes.length, compress: false })
    if (at === 0) socket.ping('between')
  }
}

// ---- client

// `came` is what all came; a step waits until it holds `count` of a kind, or the connection has ended.
function client (question) {
  const came = { messages: [], texts: [], pings: [], pongs: [] }
  let look = () => {}
  const add = (kind, what) => { came[kind].push(what); look() }
  const socket = new WebSocket(question.url, question.protocols, {
    origin: question.origin,
    headers: question.headers,
    localAddress: question.local,
    protocolVersion: question.version || 13,
    ca: question.ca && fs.readFileSync(question.ca),
    handshakeTimeout: 20000
  })
  const end = () => process.stdout.write(JSON.stringify(came) + '\n', () => process.exit(0))
  setTimeout(() => { came.late = true; end() }, 25000)
  socket.on('upgrade', (response) => { came.status = response.statusCode; came.headers = response.headers })
  socket.on('unexpected-response', (request, response) => {
    came.status = response.statusCode
    came.headers = response.headers
    end()
  })
  socket.on('error', (error) => { came.error = String(error); if (came.status === undefined) end() })
  socket.on('message', (data, binary) => binary ? add('messages', decode(data)) : add('texts', data.toString()))
  socket.on('ping', (data) => add('pings', data.toString()))
  socket.on('pong', (data) => add('pongs', data.toString()))
  socket.on('close', (code, reason) => { came.closed = { code, reason: reason.toString() }; look() })
  socket.on('open', async () => {
    came.protocol = socket.protocol
    came.extensions = socket.extensions
    for (const step of question.steps) {
      await take(step)
    }
    end()
  })

  const take = (step) => new Promise((resolve) => {
    if (step.wait !== undefined) {
      const enough = () => step.wait === 'closed' ? false : came[step.wait].length >= step.count
      look = () => { if (came.closed || enough()) resolve() }
      return look()
    }
    const bytes = step.message ? encode(step.message) : Buffer.from(step.bytes || '', 'hex')
    if (step.say !== undefined) console.log(step.say)
    else if (step.ping !== undefined) socket.ping(step.ping)
    else if (step.text !== undefined) socket.send(step.text)
    else if (step.close !== undefined) socket.close(step.close)
    else if (step.fragments) sendFragments(socket, bytes, step.fragments)
    else socket.send(bytes, { binary: true, mask: step.mask !== false })
    resolve()
  })
}

// ---- server

// What happens to whom asks for it. Each may send what it likes; `answer` is the response to the request.
const MISDEEDS = {
  '/fragments': (socket, answer) => sendFragments(socket, answer('2.05', 'in fragments'), 1),
  '/text': (socket) => socket.send('a text frame'),
  '/masked': (socket, answer) => socket.send(answer('2.05', 'masked'), { mask: true }),
  '/large': (socket, answer) => socket.send(answer('2.05', 'x'.repeat(16 << 20)), { compress: false }),
  '/garbage': (socket) => socket.send(Buffer.from('0fff', 'hex')),
  '/close': (socket) => socket.close(1001, 'going away'),
  '/vanish': (socket) => socket.terminate(),
  '/abort': (socket) => socket.send(encode({ code: ABORT, payload: Buffer.from('had enough').toString('hex') })),
  '/release': (socket, answer) => {
    socket.send(encode({ code: RELEASE }))
    socket.send(answer('2.05', 'released, and answered'))
  },
  '/silence': () => {}
}

function handle (store, request, path) {
  const format = request.options.filter(([number]) => number === CONTENT_FORMAT)
  if (path === '/seen') {
    return { code: '2.05', options: [[CONTENT_FORMAT, '32']], payload: Buffer.from(JSON.stringify(request)).toString('hex') }
  }
  if (!path.startsWith('/store/')) return { code: '4.04' }
  switch (request.code) {
    case '0.03': {
      const code = store.has(path) ? '2.04' : '2.01'
      store.set(path, { options: format, payload: request.payload })
      return { code }
    }
    case '0.04':
      store.delete(path)
      return { code: '2.02' }
    default:
      return store.has(path) ? { code: '2.05', ...store.get(path) } : { code: '4.04' }
  }
}

function server (settings) {
  const store = new Map()
  const tls = settings.tls && { cert: fs.readFileSync(settings.tls.certificate), key: fs.readFileSync(settings.tls.key) }
  const web = tls ? https.createServer(tls) : http.createServer()
  const sockets = new WebSocketServer({
    server: web,
    path: '/.well-known/coap',
    perMessageDeflate: true,
    handleProtocols: (offered) => settings.protocol === undefined ? (offered.has('coap') && 'coap') : settings.protocol
  })
  sockets.on('connection', (socket, request) => {
    print({ opened: request.headers })
    if (csm(settings.csm)) socket.send(csm(settings.csm))
    socket.on('error', (error) => print({ error: String(error) }))
    socket.on('close', (code, reason) => print({ closed: code, reason: reason.toString() }))
    socket.on('pong', (data) => print({ pong: data.toString() }))
    socket.on('message', (data, binary) => {
      const message = decode(data)
      print({ message, binary })
      if (message.code === CSM && settings.ask) {
        const options = settings.ask.split('/').filter(Boolean).map((part) => [URI_PATH, Buffer.from(part).toString('hex')])
        socket.send(encode({ code: '0.01', token: 'a5c0', options }))
      } else if (message.code === PING) socket.send(encode({ code: PONG, token: message.token }))
      else if (message.code === RELEASE) socket.close(1000)
      else if (/^0\.0[1-7]/.test(message.code)) respond(socket, message)
      else if (settings.vanish) socket.terminate()
    })
  })
  const respond = (socket, request) => {
    const path = request.options.filter(([number]) => number === URI_PATH)
      .map(([, value]) => '/' + Buffer.from(value, 'hex').toString()).join('')
    const answer = (code, text) => encode({ code, token: request.token, payload: Buffer.from(text).toString('hex') })
    if (MISDEEDS[path]) MISDEEDS[path](socket, answer)
    else socket.send(encode({ ...handle(store, request, path), token: request.token }))
  }
  web.listen(0, '127.0.0.1', () => console.log(`ready ${web.address().port}`))
}

const [role, words] = process.argv.slice(2)
if (role === 'client') client(JSON.parse(words === '-' ? fs.readFileSync(0) : words))
else server(JSON.parse(words))
