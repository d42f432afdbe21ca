// node-coap as an end:
//   node node_end.js client JSON     asks once; prints the answer as JSON
//   node node_end.js blocks JSON     PUTs and GETs a body of each size at "uri"; prints "size CODE CODE SHA256" for each
//   node node_end.js observe JSON    observes; prints "state PAYLOAD" for each
//   node node_end.js server          serves until it is ended; prints "ready PORT" when it does
'use strict'

const coap = require('coap')
const crypto = require('crypto')

function optionsOf (message) {
  const options = {}
  for (const { name, value } of message.options) {
    const text = Buffer.isBuffer(value) ? value.toString(name === 'Location-Path' ? 'utf8' : 'hex') : String(value)
    options[name] = (options[name] || []).concat(text)
  }
  return options
}

function ask (question) {
  const uri = new URL(question.uri)
  const request = coap.request({
    hostname: uri.hostname.replace(/^\[|\]$/g, ''),
    port: Number(uri.port),
    pathname: uri.pathname,
    query: uri.search.slice(1),
    method: question.method.toUpperCase(),
    confirmable: question.confirmable,
    agent: new coap.Agent({ type: uri.hostname.startsWith('[') ? 'udp6' : 'udp4' })
  })
  if (question.format !== null) request.setOption('Content-Format', question.format)
  if (question.accept !== null) request.setOption('Accept', question.accept)
  request.on('response', (response) => {
    console.log(JSON.stringify({ code: response.code, options: optionsOf(response), payload: response.payload.toString('hex') }))
    process.exit(0)
  })
  request.on('error', (error) => {
    console.error(error)
    process.exit(1)
  })
  request.end(question.payload === null ? undefined : Buffer.from(question.payload, 'hex'))
}

function requestFor (text, method, more) {
  const uri = new URL(text)
  const agent = new coap.Agent({ type: 'udp4' }) // the common one closes under a request that follows another at once
  return coap.request({ hostname: uri.hostname, port: Number(uri.port), pathname: uri.pathname, method, agent, ...more })
}

// The hash as in bodies.py.
function body (size) {
  const pieces = []
  for (let number = 0; number * 32 < size; number++) {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(number)
    pieces.push(crypto.createHash('sha256').update(bytes).digest())
  }
  return Buffer.concat(pieces).subarray(0, size)
}

function keepBlocks ({ uri, sizes }) {
  if (sizes.length === 0) process.exit(0)
  const put = requestFor(uri, 'PUT')
  put.setOption('Block1', Buffer.of(0x06)) // blocks of 1024: it sends none without being told
  put.on('response', (put) => {
    const get = requestFor(uri, 'GET')
    get.on('response', (get) => {
      console.log(sizes[0], put.code, get.code, crypto.createHash('sha256').update(get.payload).digest('hex'))
      keepBlocks({ uri, sizes: sizes.slice(1) })
    })
    get.end()
  })
  put.end(body(sizes[0]))
}

function observe ({ uri }) {
  const request = requestFor(uri, 'GET', { observe: true })
  request.on('response', (response) => {
    response.on('data', (state) => console.log('state', state.toString()))
    process.on('SIGTERM', () => { response.close(); setTimeout(() => process.exit(0), 100) })
  })
  request.end()
}

// /store/…, /value, /slow and /seen, as in aiocoap_end.py.
function serve () {
  const store = new Map()
  const observers = new Set()
  let value = Buffer.from('0')
  const answer = (response, code, payload) => {
    response.code = code
    response.end(payload)
  }
  const server = coap.createServer({ type: 'udp4' }, (request, response) => {
    const path = request.url.split('?')[0]
    if (path.startsWith('/store/')) {
      if (request.method === 'PUT') {
        const made = !store.has(path)
        store.set(path, { format: request.headers['Content-Format'], payload: request.payload })
        return answer(response, made ? '2.01' : '2.04')
      }
      if (request.method === 'DELETE') {
        store.delete(path)
        return answer(response, '2.02')
      }
      if (!store.has(path)) return answer(response, '4.04', 'nothing is stored there')
      const { format, payload } = store.get(path)
      if (format !== undefined) response.setOption('Content-Format', format)
      return answer(response, '2.05', payload)
    }
    if (path === '/value') {
      if (request.method === 'PUT') {
        value = request.payload
        answer(response, '2.04')
        for (const observer of observers) observer.write(value)
        return
      }
      if (request.headers.Observe !== 0) return answer(response, '2.05', value)
      observers.add(response)
      response.on('finish', () => observers.delete(response))
      return response.write(value)
    }
    if (path === '/slow') {
      return setTimeout(() => {
        response.setOption('Content-Format', 'text/plain')
        answer(response, '2.05', 'at last')
      }, 500)
    }
    if (path === '/seen') {
      const packet = request._packet
      response.setOption('Content-Format', 'application/json')
      return answer(response, '2.05', JSON.stringify({
        method: request.method,
        type: packet.confirmable ? 'CON' : 'NON',
        token: packet.token.length,
        url: request.url,
        options: optionsOf(request),
        payload: request.payload.toString('hex')
      }))
    }
    answer(response, '4.04', 'there is no such resource')
  })
  server.listen(0, '127.0.0.1', () => console.log(`ready ${server._sock.address().port}`))
}

const roles = { client: ask, blocks: keepBlocks, observe, server: serve }
roles[process.argv[2]](JSON.parse(process.argv[3] || 'null'))
