/** Colours, type and shapes of the page. Every text colour here keeps at least 4.5:1 against its background. */
import {
  createTheme,
  localStorageColorSchemeManager,
  Modal,
  Notification,
  type CSSVariablesResolver,
  type MantineColorsTuple,
} from '@mantine/core';

const petrol: MantineColorsTuple = [
  '#e9f6f8',
  '#d2eaee',
  '#a4d4dc',
  '#74bdc9',
  '#4daab9',
  '#349eaf',
  '#2390a2',
  '#147c8d',
  '#0b6b7d',
  '#04515f',
];

/** Greys with a touch of blue, from text (0) to the page's ground (9). */
const dark: MantineColorsTuple = [
  '#dbe4ea',
  '#b9c6cf',
  '#9aabb6',
  '#6c7f8b',
  '#3b4c58',
  '#2a3a45',
  '#1f2d37',
  '#15202a',
  '#0f1820',
  '#0a1117',
];

export const theme = createTheme({
  primaryColor: 'petrol',
  primaryShade: 8,
  colors: { petrol, dark },
  black: '#14212b',
  fontFamily:
    'Inter, ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  defaultRadius: 'md',
  radius: { md: '10px' },
  headings: { fontWeight: '650' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Modal: Modal.extend({ styles: { title: { fontWeight: 650, fontSize: '1.1rem' } } }),
    Notification: Notification.extend({ styles: { description: { color: 'var(--mantine-color-dimmed)' } } }),
  },
  focusRing: 'auto',
});

/** The `light` variant of a colour: Mantine's own is derived from the primary shade and too loud in the dark. */
function tinted(color: string, ground: string, hover: string, text: string): Record<string, string> {
  return {
    [`--mantine-color-${color}-light`]: ground,
    [`--mantine-color-${color}-light-hover`]: hover,
    [`--mantine-color-${color}-light-color`]: text,
  };
}

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#ffffff',
    '--mantine-color-dimmed': '#52626d',
    '--mantine-color-placeholder': '#62727d',
    '--medloop-ground': '#f3f6f8',
    '--medloop-line': '#d9e1e6',
    '--medloop-bar': '#b4c3cc',
    '--medloop-track': '#eaeff2',
    ...tinted('petrol', '#e1f1f4', '#cfe7ec', '#0a6071'),
    ...tinted('red', '#fdeaea', '#fadada', '#a61e1e'),
    '--medloop-accent': '#0b6b7d',
    '--medloop-accent-ground': '#e9f6f8',
    '--medloop-good': '#1c7a3e',
    '--medloop-good-ground': '#e7f5ec',
    '--medloop-bad': '#b42323',
    '--medloop-bad-ground': '#fdeaea',
    '--medloop-bad-text': '#7d1a1a',
    '--medloop-warn-ground': '#fff5dc',
    '--medloop-warn-line': '#efd28b',
    '--medloop-warn-text': '#6d4a00',
  },
  dark: {
    '--mantine-color-body': '#15202a',
    '--mantine-color-dimmed': '#9aabb6',
    '--mantine-color-placeholder': '#8496a2',
    '--medloop-ground': '#0f1820',
    '--medloop-line': '#2a3a45',
    '--medloop-bar': '#4a5f6d',
    '--medloop-track': '#22303b',
    ...tinted('petrol', '#123440', '#17414f', '#a4d4dc'),
    ...tinted('red', '#3b1a1c', '#4a2124', '#ffb4b4'),
    '--medloop-accent': '#74bdc9',
    '--medloop-accent-ground': '#123440',
    '--medloop-good': '#69d391',
    '--medloop-good-ground': '#12301f',
    '--medloop-bad': '#ff9c9c',
    '--medloop-bad-ground': '#3b1a1c',
    '--medloop-bad-text': '#ffd4d4',
    '--medloop-warn-ground': '#33290f',
    '--medloop-warn-line': '#5d4a17',
    '--medloop-warn-text': '#f6d98a',
  },
});

export const colorSchemeManager = localStorageColorSchemeManager({ key: 'medloop-color-scheme' });
