"""Where weights come from: what ships, the hub, conversion."""
