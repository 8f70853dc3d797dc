"""Graph -> eyes: text, explain, SVG, notebook, the HTML explorer."""
