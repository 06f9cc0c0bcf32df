/** Draws a confusion matrix as one self-contained SVG that is readable on light and on dark pages. */
import type { Labels } from './types.js';

const CELL = 84;
const GAP = 4;
const HEADER = 78;
const FOOTER = 48;
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

// Colours come as classes, because a picture that is shown by itself follows the reader's own scheme.
const STYLE = `
  .page { fill: #ffffff } .ink { fill: #1c2530 } .faint { fill: #66717f } .empty { fill: #f1f4f7 }
  .right { fill: #1b7f79 } .wrong { fill: #c8452f } .zero { fill: #9aa5b1 } .strong { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    .page { fill: #14191f } .ink { fill: #e8edf2 } .faint { fill: #9aa7b5 } .empty { fill: #1e262e }
    .right { fill: #2aa198 } .wrong { fill: #e0614a } .zero { fill: #5d6976 }
  }`;

/**
 * @param confusion `confusion[truth][predicted]`, one row and one column for each label
 * @throws RangeError when matrix and labels differ in size
 */
export function confusionMatrixSvg(
  labels: Labels,
  confusion: readonly (readonly number[])[],
  title: string,
): string {
  const size = labels.length;
  if (confusion.length !== size || confusion.some((row) => row.length !== size)) {
    throw new RangeError(`A confusion matrix of ${size} classes needs ${size} × ${size} counts.`);
  }
  const left = 44 + textWidth(labels, 14);
  const columnRoom = columnLabelRoom(labels);
  const top = HEADER + columnRoom;
  const width = Math.max(left + size * CELL + 24, 24 + title.length * 10);
  const height = top + size * CELL + FOOTER;
  const total = sum(confusion.flat());
  const hits = sum(confusion.map((row, index) => row[index] ?? 0));
  const subtitle =
    total === 0
      ? 'No images'
      : `${count(hits)} of ${count(total)} right (${((100 * hits) / total).toFixed(2)} %)`;
  const slanted = columnRoom > 28;
  const body = [
    text(24, 34, title, 'ink', 'font-size="19" font-weight="600"'),
    text(24, 56, subtitle, 'faint', 'font-size="14"'),
    ...labels.map((label, column) => columnLabel(label, left + column * CELL + CELL / 2, top - 10, slanted)),
    ...confusion.flatMap((row, truth) => [
      text(
        left - 12,
        top + truth * CELL + CELL / 2 + 1,
        labels[truth] ?? '',
        'ink',
        'font-size="14" text-anchor="end"',
      ),
      text(
        left - 12,
        top + truth * CELL + CELL / 2 + 18,
        count(sum(row)),
        'faint',
        'font-size="11" text-anchor="end"',
      ),
      ...row.map((value, predicted) =>
        cell(
          value,
          sum(row),
          truth === predicted,
          left + predicted * CELL,
          top + truth * CELL,
          `${labels[truth] ?? ''} answered as ${labels[predicted] ?? ''}`,
        ),
      ),
    ]),
    text(
      left + (size * CELL) / 2,
      height - 18,
      'answer of the model',
      'faint',
      'font-size="13" text-anchor="middle"',
    ),
    text(
      0,
      0,
      'true class',
      'faint',
      `font-size="13" text-anchor="middle" transform="translate(22 ${top + (size * CELL) / 2}) rotate(-90)"`,
    ),
  ];
  return `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}. ${escape(subtitle)}." font-family="${FONT}">
<style>${STYLE}
</style>
<rect class="page" width="100%" height="100%" rx="10"/>
${body.join('\n')}
</svg>
`;
}

/** Depth of colour follows the share of the row; the root keeps a single miss in thousands visible. */
function cell(
  value: number,
  rowTotal: number,
  onDiagonal: boolean,
  x: number,
  y: number,
  meaning: string,
): string {
  const share = rowTotal === 0 ? 0 : value / rowTotal;
  const depth = value === 0 ? 0 : onDiagonal ? 0.15 + 0.85 * share : 0.18 + 0.82 * Math.sqrt(share);
  const side = CELL - GAP;
  const box = `x="${x + GAP / 2}" y="${y + GAP / 2}" width="${side}" height="${side}" rx="7"`;
  const middle = x + CELL / 2;
  const ink = value === 0 ? 'zero' : depth > 0.7 ? 'strong' : 'ink';
  const parts = [
    `<g><title>${escape(meaning)}: ${count(value)}</title>`,
    `<rect class="empty" ${box}/>`,
    value === 0
      ? ''
      : `<rect class="${onDiagonal ? 'right' : 'wrong'}" fill-opacity="${depth.toFixed(3)}" ${box}/>`,
    text(
      middle,
      y + CELL / 2 + (value === 0 ? 6 : 1),
      count(value),
      ink,
      `font-size="18" text-anchor="middle" font-weight="${value === 0 ? 400 : 600}"`,
    ),
    value === 0
      ? ''
      : text(middle, y + CELL / 2 + 19, percent(share), ink, 'font-size="11.5" text-anchor="middle"'),
    '</g>',
  ];
  return parts.filter((part) => part !== '').join('');
}

function columnLabelRoom(labels: Labels): number {
  const widest = textWidth(labels, 14);
  return widest <= CELL ? 24 : Math.ceil(widest * 0.6) + 16;
}

function columnLabel(label: string, x: number, y: number, slanted: boolean): string {
  return slanted
    ? text(0, 0, label, 'ink', `font-size="14" transform="translate(${x - 8} ${y}) rotate(-35)"`)
    : text(x, y, label, 'ink', 'font-size="13" text-anchor="middle"');
}

/** No fonts are at hand here: 0.62 of the size is a generous mean width of a letter. */
function textWidth(labels: Labels, size: number): number {
  return Math.ceil(Math.max(0, ...labels.map((label) => label.length)) * size * 0.62);
}

function text(x: number, y: number, content: string, kind: string, attributes: string): string {
  return `<text class="${kind}" x="${x}" y="${y}" ${attributes}>${escape(content)}</text>`;
}

function percent(share: number): string {
  const value = share * 100;
  return `${value >= 99.995 || value === 0 ? value.toFixed(0) : value.toFixed(value < 10 ? 2 : 1)} %`;
}

function count(value: number): string {
  return new Intl.NumberFormat('en-US').format(value);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Control characters are not allowed in XML at all, so they are dropped. */
function escape(content: string): string {
  const marks: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return content
    .replaceAll(/\p{Cc}/gu, ' ')
    .replaceAll(/[&<>"']/g, (character) => marks[character] ?? character);
}
