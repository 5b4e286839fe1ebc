"""The web console: what every page stands on (templates, charts, static files, headers), and the pages."""
