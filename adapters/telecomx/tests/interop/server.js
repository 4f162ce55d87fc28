// A lookalike of the Telecom X service on an official Socket.IO server: `node server.js <2|3|4> [options as JSON]`.
// Says what happens as JSON lines on stdout, and does what it is told by JSON lines on stdin.
'use strict';
const http = require('http');
const readline = require('readline');

const version = process.argv[2];
const options = JSON.parse(process.argv[3] || '{}');
const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');

const server = http.createServer((request, response) => {
  const json = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  const url = new URL(request.url, 'http://localhost');
  if (url.pathname === '/auth/validateToken') {
    const ok = url.searchParams.get('token') === 'viewer-token';
    return json(ok ? 200 : 401, { success: ok, accessLevel: 'VIEWER' });
  }
  json(200, { path: url.pathname });
});

const engine = { serveClient: false, ...options.engine };
const io = version === '2'
  ? require('socket.io-2')(server, engine)
  : new (require(`socket.io-${version}`).Server)(server, engine);

if (options.refuse) io.use((socket, next) => next(new Error('not today')));

const emit = (args) => io.emit(...args.map(revive));
const revive = (arg) => (arg && arg.buffer ? { data: Buffer.from(arg.buffer, 'base64') } : arg);

io.on('connection', (socket) => {
  say({ connection: socket.id, protocol: String(socket.conn.protocol || 3) });
  let beats = 0;
  socket.conn.on('packet', (packet) => {
    if (packet.type === 'pong' || packet.type === 'ping') say({ heartbeat: ++beats });
  });
  socket.on('authenticate', (who) => {
    say({ authenticate: who });
    if (who.token === 'viewer-token') return socket.emit('authenticated');
    socket.emit('unauthorized', { message: 'invalid_token' });
    socket.disconnect();
  });
  socket.on('subscribe', (what, acknowledge) => {
    say({ subscribe: what });
    socket.emit('subscribed', { type: what.type });
    if (acknowledge) acknowledge({ success: true });
  });
  socket.on('request', (what, acknowledge) => {
    if (acknowledge) acknowledge({ success: true, requestId: 'r1' });
  });
  socket.on('disconnect', (reason) => say({ disconnect: reason }));
});

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const told = JSON.parse(line);
  if (told.emit) emit(told.emit);
  if (told.burst) burst(told.from || 0, told.burst);
  if (told.pace) pace(told.pace, told.count);
  if (told.kick) for (const socket of sockets()) socket.disconnect();
  if (told.close) for (const socket of sockets()) socket.conn.close();
}).on('close', () => process.exit());

const burst = (from, count) => {
  for (let n = from; n < from + count; n++) {
    io.emit('PBX', {
      event: 'EMPLOYEE_PRESENCE_CHANGED', customer: 'c1', _id: 'e1', pbxServer: 'pbx1.example.dk', eventId: `e-${n}`,
      data: { state: 'AVAILABLE', location: null, message: String(n), expire: null },
    });
  }
};

// So many a second; what a turn could not say is said in the next.
const pace = (rate, count) => {
  const begun = Date.now();
  let said = 0;
  const turn = setInterval(() => {
    const due = Math.min(count, Math.ceil(((Date.now() - begun) * rate) / 1000));
    burst(said, due - said);
    said = due;
    if (said < count) return;
    clearInterval(turn);
    say({ paced: Date.now() - begun });
  }, 5);
};

const sockets = () => {
  const all = version === '2' ? Object.values(io.sockets.sockets) : [...io.sockets.sockets.values()];
  return all;
};

server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
