/** Holds the model that answers, and swaps it without dropping a request. */
import type { Labels } from '../../model/types.js';
import type { Serving } from '../schema.js';

/** A checked model in memory with what is known about its version. */
export interface ServedModel {
  readonly version: string;
  readonly labels: Labels;
  readonly synthetic: boolean;
  /**
   * @param pixels `count` images of `IMAGE_PIXELS` bytes, one after the other; read before the call gives way
   * @returns `count` × classes probabilities, row by row, in the order of `labels`
   * @throws ModelError
   */
  predict(pixels: Uint8Array, count: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/** A model that stays open until `release` is called; one lease a request, so that one answer has one version. */
export interface Lease {
  readonly model: ServedModel;
  release(): void;
}

export interface ModelSlot {
  /** Null before the first model. */
  acquire(): Lease | null;
  current(): ServedModel | null;
  view(): Serving | null;
  /** New requests go to `next` at once; the old model is closed when its last request is done. */
  swap(next: ServedModel): void;
  /** Resolves when every replaced model is closed. */
  settled(): Promise<void>;
  /** Takes the model out and closes it after its last request. */
  close(): Promise<void>;
}

interface Tenant {
  readonly model: ServedModel;
  readonly since: string;
  leases: number;
  retired: boolean;
}

/** @param onCloseError told when a replaced model cannot be closed; serving is not touched by that */
export function createSlot(onCloseError: (error: unknown) => void): ModelSlot {
  let tenant: Tenant | null = null;
  const closing = new Set<Promise<void>>();

  function closeIfIdle(old: Tenant): void {
    if (!old.retired || old.leases > 0) return;
    const work = old.model.close().catch(onCloseError);
    closing.add(work);
    void work.finally(() => closing.delete(work));
  }

  function retire(old: Tenant | null): void {
    if (!old) return;
    old.retired = true;
    closeIfIdle(old);
  }

  async function settled(): Promise<void> {
    while (closing.size > 0) await Promise.all(closing);
  }

  return {
    acquire() {
      const held = tenant;
      if (!held) return null;
      held.leases += 1;
      let released = false;
      return {
        model: held.model,
        release() {
          if (released) return;
          released = true;
          held.leases -= 1;
          closeIfIdle(held);
        },
      };
    },
    current: () => tenant?.model ?? null,
    view: () =>
      tenant && {
        version: tenant.model.version,
        since: tenant.since,
        labels: [...tenant.model.labels],
        synthetic: tenant.model.synthetic,
      },
    swap(next) {
      const old = tenant;
      tenant = { model: next, since: new Date().toISOString(), leases: 0, retired: false };
      retire(old);
    },
    settled,
    async close() {
      const old = tenant;
      tenant = null;
      retire(old);
      await settled();
    },
  };
}
