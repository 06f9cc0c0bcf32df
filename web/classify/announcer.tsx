/** Says new answers to people who do not see the cards. */
import { VisuallyHidden } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { labelText, percent } from '../common/format.js';
import type { Item } from './session.js';

function sentence(items: readonly Item[]): string {
  const [only] = items;
  if (items.length === 1 && only !== undefined) {
    const { answer, file } = only;
    if (answer.kind !== 'answered') return `${file.name} could not be classified`;
    const { label, confidence, unfamiliar } = answer.prediction;
    return `${file.name}: ${labelText(label)}, ${percent(confidence)}${unfamiliar ? ', unfamiliar image' : ''}`;
  }
  const answered = items.filter((item) => item.answer.kind === 'answered').length;
  const failed = items.length - answered;
  return `${answered} images classified${failed > 0 ? `, ${failed} could not be` : ''}`;
}

export function Announcer(props: { readonly items: readonly Item[] }) {
  const [text, setText] = useState('');
  const said = useRef(new Set<number>());
  useEffect(() => {
    const waiting = props.items.some(
      (item) => item.answer.kind === 'queued' || item.answer.kind === 'sending',
    );
    for (const item of props.items) {
      if (item.answer.kind === 'queued' || item.answer.kind === 'sending') said.current.delete(item.id);
    }
    // One sentence for the whole batch, once it is through.
    if (waiting) return;
    const fresh = props.items.filter((item) => !said.current.has(item.id));
    if (fresh.length === 0) return;
    for (const item of fresh) said.current.add(item.id);
    setText(sentence(fresh));
  }, [props.items]);
  return (
    <VisuallyHidden role="status" data-testid="announcer">
      {text}
    </VisuallyHidden>
  );
}
