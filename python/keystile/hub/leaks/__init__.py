"""Reports of leaked secrets, as GitHub's secret scanning sends them to whoever issues secrets."""
