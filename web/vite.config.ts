import { defineConfig } from "vite";

// Two entries, each wholly in itself: the page's script, and the module that a notebook loads.
export default defineConfig({
  build: {
    outDir: "dist",
    target: "es2022",
    lib: { entry: "src/widget.tsx", formats: ["es"], fileName: () => "explorer.js" },
    minify: true,
  },
});
