/** Corrections: sending, listing, showing with their fate, reviewing. */
import type { Request, Response } from 'express';
import { ApiError, toApiError, withDeadline } from '../errors.js';
import { fateOf } from '../fate.js';
import { jsonBody, parse, personOf, type Mount } from '../http/router.js';
import { uploadsOf, type imageUpload } from '../http/uploads.js';
import { imageTypeOf } from '../image-type.js';
import type { KnownLabels } from '../labels.js';
import type { AppPorts } from '../ports.js';
import { correctionParamsSchema, correctionsQuerySchema } from '../query-schema.js';
import {
  correctionFieldsSchema,
  reviewFieldsSchema,
  type CorrectionReceipt,
  type CorrectionView,
} from '../schema.js';
import { NONE_LABEL, type Correction, type CorrectionId } from '../../storage/types.js';

function receiptOf(correction: Correction): CorrectionReceipt {
  const { id, label, status, submittedAt } = correction;
  return { id, image: { sha256: correction.image.sha256 }, label, status, submittedAt };
}

function viewOf(correction: Correction): CorrectionView {
  const { author, predicted, comment, superseded, golden, review } = correction;
  return { ...receiptOf(correction), author, predicted, comment, superseded, golden, review };
}

export function mountCorrections(
  mount: Mount,
  ports: AppPorts,
  labels: KnownLabels,
  upload: ReturnType<typeof imageUpload>,
): void {
  const { corrections, decode, metrics, settings, log } = ports;
  const { deadlineMs } = settings;

  async function known(label: string): Promise<void> {
    const found = await withDeadline(labels.known(), deadlineMs, 'S3');
    if (!found) throw new ApiError('NO_LABELS');
    if (label === NONE_LABEL || found.labels.includes(label)) return;
    throw new ApiError(
      'LABEL_UNKNOWN',
      `${label} is not one of ${found.labels.join(', ')} or ${NONE_LABEL}.`,
      {
        extensions: { labels: [...found.labels, NONE_LABEL] },
      },
    );
  }

  async function find(req: Request): Promise<Correction> {
    const { id } = parse(correctionParamsSchema, req.params);
    const correction = await withDeadline(corrections.get(id as CorrectionId), deadlineMs, 'S3');
    if (!correction) throw new ApiError('CORRECTION_NOT_FOUND');
    return correction;
  }

  async function submit(req: Request): Promise<{ correction: Correction; created: boolean }> {
    // A form sends a field that was left empty as an empty text.
    const given = Object.entries(req.body as Record<string, unknown>).filter(([, value]) => value !== '');
    const fields = parse(correctionFieldsSchema, Object.fromEntries(given));
    const bytes = uploadsOf(req)[0]?.bytes;
    if (bytes === undefined) throw new ApiError('NO_IMAGE');
    if (bytes instanceof Error) throw bytes;
    await known(fields.label);
    // What the service cannot read, training could not read either.
    await decode(bytes);
    return withDeadline(
      corrections.submit({
        bytes,
        contentType: imageTypeOf(bytes),
        label: fields.label,
        author: personOf(req, fields.author),
        predicted:
          fields.predictedLabel === undefined
            ? null
            : { label: fields.predictedLabel, modelVersion: fields.modelVersion ?? null },
        comment: fields.comment ?? null,
      }),
      deadlineMs,
      'S3',
    );
  }

  mount('createCorrection', upload(1), async (req: Request, res: Response) => {
    try {
      const { correction, created } = await submit(req);
      metrics.corrections.inc({ outcome: created ? 'created' : 'repeated' });
      res.setHeader('location', `/api/v1/corrections/${correction.id}`);
      res.status(created ? 201 : 200).json(receiptOf(correction));
    } catch (error) {
      const failure = toApiError(error);
      metrics.corrections.inc({ outcome: failure.code });
      throw failure;
    }
  });

  mount('listCorrections', async (req, res) => {
    const { limit, cursor, label, author, status } = parse(correctionsQuerySchema, req.query);
    const page = await withDeadline(
      corrections.list({
        limit,
        ...(cursor === undefined ? {} : { cursor }),
        ...(label === undefined ? {} : { label }),
        ...(author === undefined ? {} : { author }),
        ...(status === undefined ? {} : { status }),
      }),
      deadlineMs,
      'S3',
    );
    res.json({ corrections: page.corrections.map(viewOf), nextCursor: page.nextCursor });
  });

  mount('getCorrection', async (req, res) => {
    const correction = await find(req);
    const { snapshots, registry, predictor } = ports;
    const fate = await fateOf(correction, { log, snapshots, registry, corrections, predictor, deadlineMs });
    res.json({ ...viewOf(correction), fate });
  });

  mount('getCorrectionImage', async (req, res) => {
    const { image } = await find(req);
    const etag = `"${image.sha256}"`;
    res.setHeader('etag', etag);
    // Bytes from anyone: shown as the picture they were checked to be, and never as a page.
    res.setHeader('content-security-policy', "default-src 'none'; sandbox");
    res.setHeader('cache-control', 'private, max-age=31536000, immutable');
    if (req.headers['if-none-match'] === etag) {
      res.status(304).end();
      return;
    }
    const { body } = await withDeadline(corrections.image(image.sha256), deadlineMs, 'S3');
    const type = imageTypeOf(body);
    res.setHeader('content-type', type);
    res.setHeader(
      'content-disposition',
      `inline; filename="${image.sha256}.${type === 'image/png' ? 'png' : 'jpg'}"`,
    );
    res.end(body);
  });

  mount('reviewCorrection', jsonBody, async (req, res) => {
    const { id } = parse(correctionParamsSchema, req.params);
    const { decision, reviewer } = parse(reviewFieldsSchema, req.body);
    const reviewed = await withDeadline(
      corrections.review(id as CorrectionId, decision, personOf(req, reviewer)),
      deadlineMs,
      'S3',
    );
    res.json(viewOf(reviewed));
  });
}
