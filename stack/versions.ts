/** The pinned version of every part that set-up installs. */

export const VERSIONS = {
  tensorflow: '2.21.0',
  temporal: '1.5.1',
  /** Server inside the Temporal CLI above; a CLI found elsewhere must hold at least this one. */
  temporalServer: '1.29.1',
  versitygw: '1.8.0',
  mlflow: '3.17.2',
  onnx: '1.23.2',
  onnxruntime: '1.32.0',
  /** Oldest that builds the two Go programs. */
  go: '1.25.0',
  goBin: '1.26.6',
  python: '3.10.0',
} as const;

/** The first `major.minor[.patch]` in a text, or null. */
export function versionIn(text: string): string | null {
  return /\d+\.\d+(?:\.\d+)?/.exec(text)?.[0] ?? null;
}

/** True when `version` is `least` or later and of the same major version. */
export function isCompatible(version: string, least: string): boolean {
  return majorOf(version) === majorOf(least) && isAtLeast(version, least);
}

/** True when `version` is `least` or later. */
export function isAtLeast(version: string, least: string): boolean {
  const left = numbersOf(version);
  const right = numbersOf(least);
  for (let place = 0; place < 3; place += 1) {
    const difference = (left[place] ?? 0) - (right[place] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function numbersOf(version: string): number[] {
  return version.split('.').map((part) => Number.parseInt(part, 10));
}

function majorOf(version: string): number | undefined {
  return numbersOf(version)[0];
}
