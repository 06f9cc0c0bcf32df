import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectionOptions } from '../../../temporal/connection.js';

const HERE = { address: '127.0.0.1:7233', namespace: 'default' };

describe('connection options', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'medloop-test-profile-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function profile(): string {
    const path = join(folder, 'temporalio', 'temporal.toml');
    mkdirSync(join(folder, 'temporalio'));
    writeFileSync(path, '[profile.default]\naddress = "cloud:7233"\napi_key = "of-the-file"\n');
    return path;
  }

  it('are plain for a server on this machine', () => {
    const options = connectionOptions({ ...HERE, environment: {} });
    expect(options.address).to.equal('127.0.0.1:7233');
    expect(options.tls ?? false).to.equal(false);
    expect(options.apiKey).to.equal(undefined);
  });

  it('turn TLS on with an API key', () => {
    const options = connectionOptions({ ...HERE, environment: { TEMPORAL_API_KEY: 'secret' } });
    expect(options).to.deep.include({ apiKey: 'secret', tls: true });
  });

  it('take certificates for mutual TLS', () => {
    const options = connectionOptions({
      ...HERE,
      environment: {
        TEMPORAL_TLS_CLIENT_CERT_DATA: 'certificate',
        TEMPORAL_TLS_CLIENT_KEY_DATA: 'key',
        TEMPORAL_TLS_SERVER_NAME: 'temporal.internal',
      },
    });
    expect(options.tls).to.deep.include({ serverNameOverride: 'temporal.internal' });
    expect(options.tls).to.have.nested.property('clientCertPair.crt');
  });

  it('leave a profile file alone that nobody asked for', () => {
    const home = { HOME: folder, XDG_CONFIG_HOME: folder };
    profile();
    expect(connectionOptions({ ...HERE, environment: home }).apiKey).to.equal(undefined);
  });

  it('read a profile file that a variable names, and keep the configured address', () => {
    const options = connectionOptions({ ...HERE, environment: { TEMPORAL_CONFIG_FILE: profile() } });
    expect(options).to.deep.include({ apiKey: 'of-the-file', address: '127.0.0.1:7233' });
  });
});
