#!/usr/bin/env node
// The `medloop` command: transpiles what has changed, then hands over to the command line's own entry.
import { bootstrap, fromDist } from './bootstrap.mjs';

await bootstrap({ quick: true });
await fromDist('cli/main.js');
