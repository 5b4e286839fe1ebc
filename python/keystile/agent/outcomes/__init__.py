"""How requests ended that the gate let pass for a proxy, as the proxy's access log tells it: counted, never trusted."""
