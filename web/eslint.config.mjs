// Types are tsc's; this adds what it cannot see: hooks in the wrong place, forgotten dependencies,
// promises nobody waits for, elements that keys or a screen reader do not reach. Runs on Debian 12's Node 18 (eslint 9).
import accessibility from 'eslint-plugin-jsx-a11y';
import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['node_modules/', 'dist/'] },
  {
    files: ['src/**/*.{ts,tsx}', 'test/**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked, accessibility.flatConfigs.recommended],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname ?? process.cwd() } },
    plugins: { 'react-hooks': hooks },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    settings: { 'jsx-a11y': { attributes: { for: ['for'] } } }, // Preact has HTML's own names
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      // Keys that are pressed on what is inside bubble up to where they are understood.
      'jsx-a11y/no-noninteractive-element-interactions': ['error', { handlers: ['onClick', 'onMouseDown', 'onMouseUp'] }],
      'jsx-a11y/no-static-element-interactions': ['error', { handlers: ['onClick', 'onMouseDown', 'onMouseUp'] }],
      'jsx-a11y/no-noninteractive-tabindex': 'off', // what scrolls is reached by keys: axe asks for it
      eqeqeq: 'error',
      'no-restricted-globals': ['error', 'event', 'name'],
      // An async handler of an event is waited for by nobody: its own try says what went wrong.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false, properties: false } }],
    },
  },
);
