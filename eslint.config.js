// Type-aware rules, the doors between the rooms, and Temporal's own rules.
import eslint from '@eslint/js';
import prettier from 'eslint-config-prettier';
import temporal from 'eslint-plugin-temporal';
import globals from 'globals';
import tseslint from 'typescript-eslint';

const rooms = [
  'config',
  'model',
  'storage',
  'activities',
  'workflows',
  'temporal',
  'api',
  'web',
  'cli',
  'stack',
  'tests',
];

/** Which rooms each room may import from; `types` means type-only imports. */
const doors = {
  config: { values: [], types: [] },
  model: { values: [], types: [] },
  storage: { values: [], types: ['model'] },
  activities: { values: ['model', 'storage'], types: [] },
  workflows: { values: [], types: ['activities'] },
  temporal: { values: ['workflows', 'activities', 'config'], types: [] },
  api: { values: ['model', 'storage', 'workflows', 'temporal', 'config'], types: [] },
  web: { values: [], types: ['api'] },
  cli: { values: ['temporal', 'config'], types: ['api'] },
  stack: { values: ['config'], types: [] },
};

const doorRules = Object.entries(doors).map(([room, door]) => {
  const closed = rooms.filter(
    (other) => other !== room && !door.values.includes(other) && !door.types.includes(other),
  );
  const patterns = [
    {
      regex: `^(\\.\\./)+(${closed.join('|')})/`,
      message: `${room}/ has no door to this room (see docs/architecture.md).`,
    },
  ];
  if (door.types.length > 0) {
    patterns.push({
      regex: `^(\\.\\./)+(${door.types.join('|')})/`,
      allowTypeImports: true,
      message: `${room}/ may import only types from this room (see docs/architecture.md).`,
    });
  }
  return {
    files: [`${room}/**/*.ts`, `${room}/**/*.tsx`],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
  };
});

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', '.medloop/**', 'tests/replay/histories/**'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only config/env.ts reads the environment.' },
      ],
      'no-restricted-exports': [
        'error',
        { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } },
      ],
    },
  },
  { files: ['**/*.mjs', '**/*.js'], languageOptions: { globals: globals.node } },
  {
    files: ['workflows/**/*.ts'],
    plugins: { temporal },
    rules: temporal.configs.workflow.rules,
  },
  {
    files: ['activities/**/*.ts'],
    plugins: { temporal },
    rules: {
      ...temporal.configs.activity.rules,
      // The plugin takes every function of the room for an activity. The activities themselves take one object, their
      // failures are made by one wrapper (failures.ts), and their heartbeats come from timers.
      'temporal/activity-prefer-single-object-args': 'off',
      'temporal/activity-prefer-applicationfailure': 'off',
      'temporal/activity-heartbeat-in-long-loops': 'off',
    },
  },
  ...doorRules,
  { files: ['config/env.ts'], rules: { 'no-restricted-properties': 'off' } },
  { files: ['cli/**', 'stack/**'], rules: { 'no-console': 'off' } },
  {
    files: ['tests/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      'no-console': 'off',
    },
  },
  { files: ['web/vite.config.ts', 'eslint.config.js'], rules: { 'no-restricted-exports': 'off' } },
  prettier,
);
