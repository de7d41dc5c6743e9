import { defineConfig } from 'vitest/config';

// File names are fixed, and each leads to the others beside it: pack.mjs puts them under a hash of all of them.
export default defineConfig({
  base: './',
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: false,
    reportCompressedSize: false,
    rollupOptions: {
      output: {
        entryFileNames: 'app.js',
        chunkFileNames: '[name].js', // editor.js where a text is edited, lake_views.js with the first view that is opened seldom
        assetFileNames: (asset) => (asset.names[0]?.endsWith('.css') ? 'app.css' : '[name][extname]'),
      },
    },
  },
  worker: { format: 'es', rollupOptions: { output: { entryFileNames: '[name].js' } } }, // graph_worker.js
  server: { proxy: { '/api': process.env['BATUTA_URL'] ?? 'http://127.0.0.1:8080' } },
  // The first import of the whole page takes seconds where a build runs beside it.
  test: { include: ['test/**/*.test.ts'], environment: 'node', css: true, testTimeout: 60_000 },
});
