/** One correction in the list; opened, it tells its fate. */
import { Accordion, Group, Skeleton, Text } from '@mantine/core';
import { IconPhotoOff } from '@tabler/icons-react';
import { useState } from 'react';
import type { CorrectionView, CorrectionWithFate } from '../../api/schema.js';
import { correctionImageUrl } from '../client/endpoints.js';
import { toFailure } from '../client/http.js';
import { useCorrection } from '../client/queries.js';
import { FailureNotice } from '../common/failure-notice.js';
import { dateTime, fromNow, labelText, percent } from '../common/format.js';
import { Tag } from '../common/tag.js';
import classes from './corrections.module.css';

type Fate = CorrectionWithFate['fate'];

const STATUS = {
  accepted: { tone: 'good', text: 'Accepted' },
  disputed: { tone: 'warn', text: 'Disputed' },
  rejected: { tone: 'bad', text: 'Rejected' },
} as const;

function Thumbnail({ correction }: { readonly correction: CorrectionView }) {
  const [broken, setBroken] = useState(false);
  return (
    <span className={classes.thumbnail}>
      {broken ? (
        <IconPhotoOff size={20} aria-hidden />
      ) : (
        <img
          src={correctionImageUrl(correction.id)}
          alt=""
          width={52}
          height={52}
          loading="lazy"
          decoding="async"
          onError={() => {
            setBroken(true);
          }}
        />
      )}
    </span>
  );
}

function whatWasSaid(correction: CorrectionView): string {
  if (correction.predicted === null) return 'said without an answer of the model';
  if (correction.predicted.label === correction.label) return 'confirms the answer';
  return `instead of ${labelText(correction.predicted.label)}`;
}

/** Why no version has learned from a correction. */
function notLearned(correction: CorrectionView): string {
  if (correction.golden) return 'Never: the image belongs to the golden set, which feedback does not change';
  if (correction.label === 'none') return 'Never: it is kept, but “none of these” is not a class to learn';
  if (correction.superseded) return 'Never: its author said something else later';
  if (correction.status === 'rejected') return 'Never: a reviewer rejected it';
  if (correction.status === 'disputed') return 'Not while it is disputed';
  return 'Not yet';
}

function fateLines(correction: CorrectionView, fate: Fate): readonly (readonly [string, string])[] {
  const { snapshot, learnedIn, answersNow } = fate;
  const unknown = (field: Fate['unknown'][number]) => fate.unknown.includes(field);
  const now =
    answersNow === null
      ? 'No model serves'
      : `${labelText(answersNow.label)}, ${percent(answersNow.confidence)} (version ${answersNow.version})`;
  return [
    [
      'Collected in',
      unknown('snapshot')
        ? 'Cannot be read just now'
        : snapshot === null
          ? 'Not yet'
          : `Snapshot ${snapshot}`,
    ],
    [
      'Learned by',
      unknown('learnedIn')
        ? 'Cannot be read just now'
        : learnedIn === null
          ? notLearned(correction)
          : `Version ${learnedIn}`,
    ],
    ['The model answers now', unknown('answersNow') ? 'Cannot be read just now' : now],
  ];
}

function FatePanel({
  correction,
  opened,
}: {
  readonly correction: CorrectionView;
  readonly opened: boolean;
}) {
  const query = useCorrection(correction.id, opened);
  const lines: (readonly [string, string])[] = [];
  if (correction.comment !== null && correction.comment !== '') lines.push(['Comment', correction.comment]);
  if (correction.predicted !== null) {
    const version = correction.predicted.modelVersion;
    lines.push([
      'The model had answered',
      `${labelText(correction.predicted.label)}${version === null ? '' : ` (version ${version})`}`,
    ]);
  }
  lines.push(['Sent', dateTime(correction.submittedAt)]);
  if (correction.review !== null) {
    const { decision, reviewer, reviewedAt } = correction.review;
    lines.push([
      'Review',
      `${decision === 'accept' ? 'Accepted' : 'Rejected'} by ${reviewer}, ${dateTime(reviewedAt)}`,
    ]);
  }
  if (query.data !== undefined) lines.push(...fateLines(correction, query.data.fate));
  return (
    <>
      <dl className={classes.fate} data-testid="fate">
        {lines.map(([term, text]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{text}</dd>
          </div>
        ))}
        <div>
          <dt>Id</dt>
          <dd className={classes.id}>{correction.id}</dd>
        </div>
      </dl>
      {opened && query.isPending && <Skeleton height={48} mt="sm" aria-label="Loading the fate" />}
      {query.error !== null && (
        <FailureNotice
          failure={toFailure(query.error)}
          title="What became of it cannot be read"
          retrying={query.isFetching}
          onRetry={() => {
            void query.refetch();
          }}
        />
      )}
    </>
  );
}

export function CorrectionRow(props: { readonly correction: CorrectionView; readonly opened: boolean }) {
  const { correction } = props;
  const status = STATUS[correction.status];
  return (
    <Accordion.Item value={correction.id}>
      <Accordion.Control>
        <div className={classes.line}>
          <Thumbnail correction={correction} />
          <div className={classes.what}>
            <Text fw={650} lh={1.3}>
              {labelText(correction.label)}{' '}
              <Text span size="sm" c="dimmed" fw={400}>
                {whatWasSaid(correction)}
              </Text>
            </Text>
            <Text size="sm" c="dimmed" lh={1.4}>
              {correction.author},{' '}
              <time dateTime={correction.submittedAt}>{fromNow(correction.submittedAt)}</time>
            </Text>
          </div>
          <Group gap={6} className={classes.badges}>
            {correction.superseded && <Tag tone="quiet">Replaced later</Tag>}
            {correction.golden && <Tag tone="accent">Golden</Tag>}
            <Tag tone={status.tone}>{status.text}</Tag>
          </Group>
        </div>
      </Accordion.Control>
      <Accordion.Panel>
        <FatePanel correction={correction} opened={props.opened} />
      </Accordion.Panel>
    </Accordion.Item>
  );
}
