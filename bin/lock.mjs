// A lock between processes that needs no dependency: a local socket, which the system closes with its holder.
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs `work` while no other process holds the lock of this name; `onWait` is called once if it must wait. */
export async function withLock(name, onWait, work) {
  const path = placeOf(name);
  let told = false;
  for (;;) {
    const server = await listen(path);
    if (server !== null) {
      try {
        return await work();
      } finally {
        release(server);
      }
    }
    if (await isDead(path)) {
      rmSync(path, { force: true });
      continue;
    }
    if (!told) onWait();
    told = true;
    await untilClosed(path);
  }
}

/** Linux has names for sockets that are no files, so a dead holder leaves nothing; elsewhere its file is removed. */
function placeOf(name) {
  const user = process.getuid?.() ?? 0;
  const digest = createHash('sha256').update(`${user} ${name}`).digest('hex').slice(0, 16);
  return process.platform === 'linux' ? `\0medloop-${digest}` : join(tmpdir(), `medloop-${digest}.lock`);
}

/** A server on the path; null where somebody else has it. */
async function listen(path) {
  const waiting = new Set();
  const server = createServer((socket) => {
    waiting.add(socket);
    socket.once('close', () => waiting.delete(socket));
    socket.on('error', () => undefined);
  });
  server.waiting = waiting;
  const listening = await new Promise((resolve, reject) => {
    server.once('listening', () => resolve(true));
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen(path);
  });
  return listening ? server : null;
}

/** Those who wait are connected: the end of their connection is what wakes them. */
function release(server) {
  server.close();
  for (const socket of server.waiting) socket.destroy();
}

function isDead(path) {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => resolve(process.platform !== 'linux' && error.code === 'ECONNREFUSED'));
  });
}

function untilClosed(path) {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = () => setTimeout(resolve, 20);
    socket.once('error', finish);
    socket.once('close', finish);
    socket.resume();
  });
}
