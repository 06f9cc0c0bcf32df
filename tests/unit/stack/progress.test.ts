import { expect } from 'chai';
import { createProgressView, type Progress } from '../../../stack/setup/progress.js';

describe('Progress of set-up', () => {
  function shown(isTerminal: boolean, ...steps: Progress[]): string {
    let text = '';
    const view = createProgressView({ isTerminal, columns: 60, write: (more) => (text += more) });
    for (const step of steps) view.report(step);
    view.close();
    return text;
  }
  const step = (state: Progress['state'], detail: string, fraction?: number): Progress => ({
    part: 'Thing 1.0',
    state,
    detail,
    ...(fraction === undefined ? {} : { fraction }),
  });

  it('says in a log what changes, and no more than that', () => {
    const text = shown(
      false,
      step('checking', 'looking'),
      step('working', 'downloading', 0),
      step('working', 'downloading', 0.5),
      step('ready', '/tools/thing'),
    );
    expect(text.trim().split('\n')).to.deep.equal([
      '· Thing 1.0: downloading 0 % (0 s)',
      '✓ Thing 1.0: /tools/thing',
    ]);
  });

  it('draws over its own lines on a terminal, and never wraps', () => {
    const long = step('working', 'x'.repeat(200), 0.25);
    const text = shown(true, step('checking', 'looking'), long, step('failed', 'INSTALL_FAILED'));
    expect(text).to.include('\u001b[1A');
    const widths = text
      .split('\n')
      .map((line) => line.replace('\u001b[2K', '').replace('\u001b[1A', '').length);
    expect(Math.max(...widths)).to.be.at.most(60);
    expect(text).to.match(/✗ Thing 1\.0: INSTALL_FAILED.*\n$/);
  });
});
