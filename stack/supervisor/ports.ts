/** Checks before anything starts: own ports are free, parts elsewhere answer. */
import type { Config } from '../../config/env.js';
import { StackError } from '../errors.js';
import { answers, isPortFree } from '../ports.js';
import { isOk } from '../servers.js';

/** Fails with `PORT_BUSY`, naming every busy port and the variable that changes it. */
export async function requireFreePorts(config: Config): Promise<void> {
  const { values, embedded } = config;
  const local = '127.0.0.1';
  const wanted = [
    { variable: 'MEDLOOP_PORT', host: values.MEDLOOP_HOST, port: values.MEDLOOP_PORT, use: true },
    {
      variable: 'MEDLOOP_TEMPORAL_PORT',
      host: local,
      port: values.MEDLOOP_TEMPORAL_PORT,
      use: embedded.temporal,
    },
    {
      variable: 'MEDLOOP_TEMPORAL_UI_PORT',
      host: local,
      port: values.MEDLOOP_TEMPORAL_UI_PORT,
      use: embedded.temporal,
    },
    { variable: 'MEDLOOP_MLFLOW_PORT', host: local, port: values.MEDLOOP_MLFLOW_PORT, use: embedded.mlflow },
    { variable: 'MEDLOOP_S3_PORT', host: local, port: values.MEDLOOP_S3_PORT, use: embedded.s3 },
  ].filter((entry) => entry.use);
  const ports = wanted.map((entry) => entry.port);
  const twice = wanted.filter((entry, place) => ports.indexOf(entry.port) !== place);
  if (twice.length > 0) {
    const names = twice.map(({ variable, port }) => `${variable} (${port})`).join(', ');
    throw new StackError('PORT_BUSY', `These ports are also given to another part: ${names}.`);
  }
  const free = await Promise.all(wanted.map(({ host, port }) => isPortFree(host, port)));
  const busy = wanted.filter((_, place) => free[place] === false);
  if (busy.length === 0) return;
  const lines = busy.map(
    ({ variable, port }) => `  port ${port}: stop the program that uses it, or set ${variable}`,
  );
  throw new StackError('PORT_BUSY', `Another program uses ports that Medloop needs:\n${lines.join('\n')}`);
}

/** A warning for each part that runs elsewhere and does not answer now; Medloop starts all the same. */
export async function silentParts(config: Config): Promise<StackError[]> {
  const { embedded } = config;
  const [temporalHost = '', temporalPort = '7233'] = config.temporalAddress.split(':');
  const s3 = new URL(config.s3Endpoint);
  const s3Port = Number(s3.port || (s3.protocol === 'https:' ? 443 : 80));
  const checks: { name: string; address: string; skip: boolean; ask: () => Promise<boolean> }[] = [
    {
      name: 'Temporal',
      address: config.temporalAddress,
      skip: embedded.temporal,
      ask: () => answers(temporalHost, Number(temporalPort), 5000),
    },
    {
      name: 'MLflow',
      address: config.mlflowUrl,
      skip: embedded.mlflow,
      ask: () => isOk(`${config.mlflowUrl}/health`, 5000),
    },
    {
      name: 'S3',
      address: config.s3Endpoint,
      skip: embedded.s3,
      ask: () => answers(s3.hostname, s3Port, 5000),
    },
  ];
  const asked = await Promise.all(
    checks.map(async ({ skip, ask }) => skip || (await ask().catch(() => false))),
  );
  return checks
    .filter((_, place) => asked[place] === false)
    .map(({ name, address }) => new StackError('PART_UNREACHABLE', `${name} at ${address} does not answer.`));
}
