// A lock between processes that needs no dependency: a local socket, which the system closes with its holder.
import { createHash } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Runs `work` while no other process holds the lock of this name; `onWait` is called once if it must wait. */
export async function withLock(name, onWait, work) {
  const user = process.getuid?.() ?? 0;
  const digest = createHash('sha256').update(`${user} ${name}`).digest('hex').slice(0, 16);
  const path = join(tmpdir(), `medloop-${digest}.lock`);
  let told = false;
  for (;;) {
    const server = await listen(path);
    if (server !== null) {
      try {
        return await work();
      } finally {
        server.close();
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

/** A server on the path; null where somebody else has it. */
async function listen(path) {
  const server = createServer();
  const listening = await new Promise((resolve, reject) => {
    server.once('listening', () => resolve(true));
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen(path);
  });
  if (!listening) return null;
  // Two that clear away a dead holder's socket at once could both get here: the later socket stands.
  const mine = statSync(path, { throwIfNoEntry: false })?.ino;
  await sleep(1);
  if (mine !== undefined && statSync(path, { throwIfNoEntry: false })?.ino === mine) return server;
  server.close();
  return null;
}

function isDead(path) {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => resolve(error.code === 'ECONNREFUSED'));
  });
}

function untilClosed(path) {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = () => setTimeout(resolve, 50);
    socket.once('error', finish);
    socket.once('close', finish);
    socket.resume();
  });
}
