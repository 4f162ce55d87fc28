// An official Socket.IO client of a Telecom X service: `node client.js <2|4> <url> <token> <customer>`.
// Says what it hears as JSON lines on stdout, and emits what it is told by JSON lines on stdin.
'use strict';
const readline = require('readline');

const [version, url, token, customer] = process.argv.slice(2);
const connect = require(`socket.io-client-${version}`);
const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');

const socket = connect(url, { transports: ['websocket'], reconnectionDelay: 20, reconnectionDelayMax: 100 });

socket.on('connect', () => {
  say({ connect: true });
  socket.emit('authenticate', { token, client: 'official', instanceId: 'official' });
});
socket.on('connect_error', (error) => say({ connect_error: String(error.message || error) }));
socket.on('disconnect', (reason) => say({ disconnect: reason }));
socket.on('authenticated', (...args) => {
  say({ authenticated: args });
  for (const type of ['PBX', 'CALL']) {
    socket.emit('subscribe', { type, customer }, (answer) => say({ acknowledged: type, answer }));
  }
});
for (const name of ['unauthorized', 'subscribed', 'PBX', 'CALL', 'REQUEST', 'REPLY', 'AUDIO']) {
  socket.on(name, (...args) => say({ event: name, args }));
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const { emit } = JSON.parse(line);
  socket.emit(...emit, (answer) => say({ answer }));
}).on('close', () => process.exit());
