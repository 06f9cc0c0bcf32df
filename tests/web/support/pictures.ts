/** Small grey pictures that look a little like medical images, drawn on the spot. */
import sharp from 'sharp';

const DRAWINGS = {
  HeadCT: `
    <ellipse cx="100" cy="100" rx="66" ry="82" fill="#e8e8e8"/>
    <ellipse cx="100" cy="100" rx="58" ry="74" fill="#6e6e6e"/>
    <path d="M100 30 V170" stroke="#8d8d8d" stroke-width="2"/>
    <path d="M92 72 C70 66 66 104 84 118 C90 104 90 92 92 72Z" fill="#1d1d1d"/>
    <path d="M108 72 C130 66 134 104 116 118 C110 104 110 92 108 72Z" fill="#1d1d1d"/>
    <ellipse cx="100" cy="136" rx="6" ry="12" fill="#2a2a2a"/>`,
  Hand: `
    <g stroke="#8a8a8a" stroke-linecap="round" stroke-width="24">
      <path d="M66 120 L44 44"/><path d="M86 112 L80 22"/><path d="M108 112 L114 20"/>
      <path d="M128 118 L148 40"/><path d="M70 150 L24 104"/></g>
    <rect x="58" y="102" width="84" height="88" rx="30" fill="#8a8a8a"/>
    <g stroke="#e6e6e6" stroke-linecap="round" stroke-width="9" stroke-dasharray="24 9">
      <path d="M74 160 L46 50"/><path d="M90 160 L81 28"/><path d="M108 160 L113 26"/>
      <path d="M124 160 L146 46"/><path d="M72 162 L28 108"/></g>`,
  CXR: `
    <rect x="14" y="16" width="172" height="178" rx="40" fill="#9c9c9c"/>
    <ellipse cx="62" cy="104" rx="36" ry="66" fill="#2b2b2b"/>
    <ellipse cx="138" cy="104" rx="36" ry="66" fill="#2b2b2b"/>
    <path d="M96 96 C128 92 140 142 112 164 C92 160 88 120 96 96Z" fill="#cfcfcf"/>
    <rect x="95" y="16" width="10" height="178" fill="#d8d8d8"/>
    <g fill="none" stroke="#777" stroke-width="5">
      <path d="M26 66 Q62 46 96 70"/><path d="M24 94 Q62 74 96 98"/><path d="M26 122 Q62 104 96 126"/>
      <path d="M174 66 Q138 46 104 70"/><path d="M176 94 Q138 74 104 98"/><path d="M174 122 Q138 104 104 126"/></g>`,
  AbdomenCT: `
    <ellipse cx="100" cy="104" rx="86" ry="66" fill="#7d7d7d"/>
    <ellipse cx="100" cy="104" rx="76" ry="56" fill="#4a4a4a"/>
    <path d="M34 92 C44 54 98 58 102 88 C92 116 44 124 34 92Z" fill="#9a9a9a"/>
    <ellipse cx="136" cy="92" rx="24" ry="20" fill="#2a2a2a"/>
    <circle cx="100" cy="142" r="13" fill="#ededed"/>
    <ellipse cx="66" cy="132" rx="14" ry="18" fill="#b0b0b0"/><ellipse cx="134" cy="132" rx="14" ry="18" fill="#b0b0b0"/>`,
} as const;
export type Drawing = keyof typeof DRAWINGS;

/** PNG bytes, 200 × 200 pixels. The seed varies the noise, and with it the digest. */
export async function picture(drawing: Drawing, seed = 1): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200" width="200" height="200">
    
    <rect width="200" height="200" fill="#060606"/><g>${DRAWINGS[drawing]}</g></svg>`;
  const pixels = await sharp(Buffer.from(svg)).greyscale().blur(1.3).raw().toBuffer();
  let state = seed * 2654435761;
  for (let at = 0; at < pixels.length; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    pixels[at] = Math.max(0, Math.min(255, (pixels[at] ?? 0) + ((state >>> 24) % 19) - 9));
  }
  return sharp(pixels, { raw: { width: 200, height: 200, channels: 1 } })
    .png()
    .toBuffer();
}
